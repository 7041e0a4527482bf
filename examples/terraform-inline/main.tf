# The form of older tutorials: versioning, lifecycle and encryption as blocks inside aws_s3_bucket. The provider calls it
# deprecated and still carries it out; new configurations use the separate resources of ../terraform.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.86, < 6.0"
    }
  }
}

variable "endpoint" {
  type    = string
  default = "https://127.0.0.1:9443"
}

variable "bucket" {
  type    = string
  default = "coffer-terraform-inline"
}

variable "sse_algorithm" {
  description = "aws:kms, or AES256 for SSE-S3."
  type        = string
  default     = "aws:kms"
}

# Credentials and CA bundle come from the environment: eval "$(npx coffer env)"
provider "aws" {
  region            = "us-east-1"
  s3_use_path_style = true

  endpoints {
    s3        = var.endpoint
    s3control = var.endpoint
    kms       = var.endpoint
    iam       = var.endpoint
    sts       = var.endpoint
  }
}

resource "aws_kms_key" "mykey" {
  description             = "This key is used to encrypt bucket objects"
  deletion_window_in_days = 10
}

resource "aws_s3_bucket" "mybucket" {
  bucket        = var.bucket
  force_destroy = true

  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        kms_master_key_id = var.sse_algorithm == "aws:kms" ? aws_kms_key.mykey.arn : null
        sse_algorithm     = var.sse_algorithm
      }
    }
  }

  versioning {
    enabled = true
  }

  lifecycle_rule {
    id      = "old-versions"
    enabled = true
    prefix  = "reports/"
    noncurrent_version_expiration {
      days = 30
    }
  }
}

# Encrypted by the default of the bucket.
resource "aws_s3_object" "report" {
  bucket  = aws_s3_bucket.mybucket.id
  key     = "reports/first.txt"
  content = "Encrypted without asking.\n"
}

output "encryption" {
  value = aws_s3_object.report.server_side_encryption
}
