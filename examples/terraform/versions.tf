terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.86, < 6.0"
    }
  }
}

# Credentials and CA bundle come from the environment: eval "$(npx coffer env)"
provider "aws" {
  region            = var.region
  s3_use_path_style = true

  endpoints {
    s3        = var.endpoint
    s3control = var.endpoint
    kms       = var.endpoint
    iam       = var.endpoint
    sts       = var.endpoint
  }

  default_tags {
    tags = { ManagedBy = "terraform" }
  }
}
