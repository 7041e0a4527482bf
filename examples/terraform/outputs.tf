output "bucket" {
  value = aws_s3_bucket.this.id
}

output "key_arn" {
  value = aws_kms_key.bucket.arn
}

output "uploader_access_key_id" {
  value = aws_iam_access_key.uploader.id
}

output "uploader_secret_access_key" {
  value     = aws_iam_access_key.uploader.secret
  sensitive = true
}

output "reader_role_arn" {
  value = aws_iam_role.reader.arn
}
