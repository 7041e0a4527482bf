resource "aws_iam_user" "uploader" {
  name          = "${var.bucket}-uploader"
  path          = "/example/"
  force_destroy = true
  tags          = var.tags
}

resource "aws_iam_access_key" "uploader" {
  user = aws_iam_user.uploader.name
}

data "aws_iam_policy_document" "uploader" {
  statement {
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.this.arn]
  }
  statement {
    actions   = concat(["s3:PutObject", "s3:GetObject"], var.uploader_may_delete ? ["s3:DeleteObject"] : [])
    resources = ["${aws_s3_bucket.this.arn}/*"]
  }
}

resource "aws_iam_policy" "uploader" {
  name        = "${var.bucket}-uploader"
  description = "Put and read objects of the example bucket"
  policy      = data.aws_iam_policy_document.uploader.json
  tags        = var.tags
}

resource "aws_iam_user_policy_attachment" "uploader" {
  user       = aws_iam_user.uploader.name
  policy_arn = aws_iam_policy.uploader.arn
}

data "aws_iam_policy_document" "assume_reader" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.uploader.arn]
    }
  }
}

resource "aws_iam_role" "reader" {
  name               = "${var.bucket}-reader"
  description        = "Reads the example bucket"
  assume_role_policy = data.aws_iam_policy_document.assume_reader.json
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "reader" {
  role       = aws_iam_role.reader.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonS3ReadOnlyAccess"
}

resource "aws_iam_role_policy" "reader_key" {
  name = "decrypt"
  role = aws_iam_role.reader.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "kms:Decrypt", Resource = aws_kms_key.bucket.arn }]
  })
}
