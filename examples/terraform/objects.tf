# The policy asks for the header, which default encryption does not add: objects name their key.
resource "aws_s3_object" "greeting" {
  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_versioning.this]

  bucket             = aws_s3_bucket.this.id
  key                = "greeting.txt"
  content            = var.greeting
  content_type       = "text/plain"
  kms_key_id         = aws_kms_key.bucket.arn
  bucket_key_enabled = var.bucket_key_enabled
  metadata           = { author = "terraform" }
  tags               = var.tags
}

resource "aws_s3_object" "this_file" {
  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_versioning.this]

  bucket      = aws_s3_bucket.this.id
  key         = "configuration/objects.tf"
  source      = "${path.module}/objects.tf"
  source_hash = filesha256("${path.module}/objects.tf")
  kms_key_id  = aws_kms_key.bucket.arn
}
