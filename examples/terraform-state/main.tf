# Terraform's own state in an encrypted bucket, locked by a lock file beside it (no DynamoDB). Endpoint, credentials and CA
# bundle come from the environment: eval "$(npx coffer env)"
terraform {
  required_version = ">= 1.10"

  backend "s3" {
    bucket         = "coffer-terraform-state"
    key            = "example/terraform.tfstate"
    region         = "us-east-1"
    encrypt        = true
    use_lockfile   = true
    use_path_style = true
  }
}

variable "note" {
  type    = string
  default = "first"
}

# No provider is needed for this one.
resource "terraform_data" "note" {
  input = var.note
}

output "note" {
  value = terraform_data.note.output
}
