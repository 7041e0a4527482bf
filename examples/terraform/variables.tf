variable "endpoint" {
  description = "Where Coffer listens. https, because the bucket policy refuses anything else."
  type        = string
  default     = "https://127.0.0.1:9443"
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "bucket" {
  type    = string
  default = "coffer-terraform-example"
}

variable "key_description" {
  type    = string
  default = "Objects of the Terraform example"
}

variable "rotation_period_days" {
  type    = number
  default = 365
}

variable "deletion_window_days" {
  description = "How long the key can still be saved after terraform destroy."
  type        = number
  default     = 7
}

variable "bucket_key_enabled" {
  type    = bool
  default = true
}

variable "versioning" {
  type    = string
  default = "Enabled"
}

variable "noncurrent_days" {
  description = "Replaced versions are removed after so many days."
  type        = number
  default     = 90
}

variable "greeting" {
  description = "Content of one of the objects."
  type        = string
  default     = "Hello, sealed world.\n"
}

variable "tags" {
  type    = map(string)
  default = { Project = "example" }
}

variable "uploader_may_delete" {
  type    = bool
  default = false
}
