#!/bin/sh
# The main job, by hand: everything that Coffer does for an unmodified AWS CLI, call by call. Ends with 0 if all holds; at
# the first thing that does not, it says what and ends with 1. Works with AWS CLI v1 and v2, over http and https.
#
#   aws-cli.sh HTTP_URL HTTPS_URL http|https
#
# Environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY of the root credential, AWS_CA_BUNDLE, AWS_DEFAULT_REGION;
# COFFER_AWS: the CLI to call, default `aws`. The server runs with --sse-c-on-new-buckets allow. Everything that is made
# bears a fresh name, so that the script can run twice on one server.
set -eu

http_url=$1 https_url=$2 scheme=$3
if [ "$scheme" = https ]; then endpoint=$https_url; else endpoint=$http_url; fi
cli=${COFFER_AWS:-aws}
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_SHARED_CREDENTIALS_FILE=/dev/null
run=$$$(date +%s)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# CLI v1 still presigns with Signature Version 2 unless told otherwise.
printf '[default]\ns3 =\n  signature_version = s3v4\n' >config
export AWS_CONFIG_FILE="$work/config"
out=''

aws() { command "$cli" --endpoint-url "$endpoint" "$@"; }

fail() {
  printf 'FAILED: %s\n%s\n' "$1" "$out" >&2
  exit 1
}

chapter() { printf '%s\n' "$1"; }

# The command succeeds; what it prints is in $out.
expect_ok() {
  out=$("$@" 2>&1) || fail "expected success: $*"
}

# The command fails with this error code.
expect_error() {
  wanted=$1
  shift
  if out=$("$@" 2>&1); then fail "expected $wanted: $*"; fi
  case $out in *"($wanted)"*) ;; *) fail "expected $wanted: $*" ;; esac
}

# $out contains the text, or is it.
has() { case $out in *"$1"*) ;; *) fail "expected in the output: $1" ;; esac; }
is() { [ "$out" = "$1" ] || fail "expected the output: $1"; }
same() { cmp -s "$1" "$2" || fail "expected the same bytes: $1 $2"; }

head -c 20000000 /dev/urandom >big.bin
printf 'dear reader' >letter.txt

letters=letters-$run
chapter "identity and buckets"
expect_ok aws sts get-caller-identity --query Arn --output text
has ':root'
account=$(printf '%s' "$out" | cut -d: -f5)
expect_ok aws s3 mb "s3://$letters"
expect_ok aws s3api list-buckets --query 'Buckets[].Name' --output text
has "$letters"
expect_ok aws s3api get-bucket-location --bucket "$letters" --query LocationConstraint --output text
is None
expect_error 404 aws s3api head-bucket --bucket "absent-$run"
expect_error InvalidBucketName aws s3api create-bucket --bucket "Bad_$run"
expect_error NoSuchLifecycleConfiguration aws s3api get-bucket-lifecycle-configuration --bucket "$letters"
expect_ok aws s3api get-public-access-block --bucket "$letters" --query PublicAccessBlockConfiguration.BlockPublicPolicy \
  --output text
is True
expect_ok aws s3api get-bucket-ownership-controls --bucket "$letters" --query 'OwnershipControls.Rules[0].ObjectOwnership' \
  --output text
is BucketOwnerEnforced

chapter "objects: put, head, get, range, conditions, copy, delete"
expect_ok aws s3api put-object --bucket "$letters" --key 'ä b/c+d&e%20.txt' --body letter.txt --content-type text/plain \
  --metadata author=reader \
  --query '[ETag,ServerSideEncryption]' --output text
has "\"$(md5sum letter.txt | cut -d' ' -f1)\""
has AES256
etag=$(printf '%s' "$out" | cut -f1)
expect_ok aws s3api head-object --bucket "$letters" --key 'ä b/c+d&e%20.txt' \
  --query '[ContentLength,ContentType,Metadata.author,ServerSideEncryption]' --output text
is "11	text/plain	reader	AES256"
expect_ok aws s3api get-object --bucket "$letters" --key 'ä b/c+d&e%20.txt' --range bytes=5-9 --query ContentRange \
  --output text range.txt
is 'bytes 5-9/11'
[ "$(cat range.txt)" = reade ] || fail "the range is not the bytes asked for"
expect_error 304 aws s3api get-object --bucket "$letters" --key 'ä b/c+d&e%20.txt' --if-none-match "$etag" none.txt
expect_error InvalidRange aws s3api get-object --bucket "$letters" --key 'ä b/c+d&e%20.txt' --range bytes=11-12 none.txt
expect_ok aws s3 cp "s3://$letters/ä b/c+d&e%20.txt" "s3://$letters/copy.txt"
expect_ok aws s3 cp "s3://$letters/copy.txt" -
is 'dear reader'
expect_ok aws s3api put-object-tagging --bucket "$letters" --key copy.txt --tagging 'TagSet=[{Key=project,Value=x}]'
expect_ok aws s3api get-object-tagging --bucket "$letters" --key copy.txt --query 'TagSet[].[Key,Value]' --output text
is 'project	x'
expect_ok aws s3api delete-objects --bucket "$letters" --delete 'Objects=[{Key=copy.txt},{Key=absent}]' \
  --query 'sort(Deleted[].Key)' --output text
is 'absent	copy.txt'

chapter "sync and listings"
mkdir -p tree/deep/deeper
for name in one two deep/three deep/deeper/four; do printf '%s' "$name" >"tree/$name"; done
: >tree/empty
# sync compares whole seconds: files of this second would go again.
find tree -type f -exec touch -d '1 hour ago' {} +
expect_ok aws s3 sync tree "s3://$letters/tree"
expect_ok aws s3 sync tree "s3://$letters/tree"
is ''
expect_ok aws s3 sync "s3://$letters/tree" back
diff -r tree back || fail "what came back is not what went"
expect_ok aws s3api list-objects-v2 --bucket "$letters" --prefix tree/ --delimiter / \
  --query '[CommonPrefixes[].Prefix,Contents[].Key]' --output text
is 'tree/deep/
tree/empty	tree/one	tree/two'
expect_ok aws s3api list-objects --bucket "$letters" --prefix tree/ --page-size 2 --query 'Contents[].Key' --output text
out=$(printf '%s' "$out" | tr '\n' '\t')
is 'tree/deep/deeper/four	tree/deep/three	tree/empty	tree/one	tree/two'

chapter "KMS: keys, aliases, tags, policy"
cat >key-policy.json <<EOF
{"Version":"2012-10-17","Statement":[{"Sid":"Account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::$account:root"},"Action":"kms:*","Resource":"*"}]}
EOF
expect_ok aws kms create-key --description letters --policy file://key-policy.json --tags TagKey=team,TagValue=post \
  --query KeyMetadata.KeyId --output text
key=$out
key_arn=arn:aws:kms:us-east-1:$account:key/$key
alias=alias/letters-$run
expect_ok aws kms create-alias --alias-name "$alias" --target-key-id "$key"
expect_ok aws kms describe-key --key-id "$alias" --query 'KeyMetadata.[Arn,KeyState,KeyManager]' --output text
is "$key_arn	Enabled	CUSTOMER"
expect_ok aws kms get-key-policy --key-id "$key" --policy-name default --query Policy --output text
has Account
expect_ok aws kms list-keys --page-size 1 --query 'Keys[].KeyId' --output text
has "$key"
expect_ok aws kms list-aliases --key-id "$key" --query 'Aliases[].AliasName' --output text
is "$alias"
expect_ok aws kms list-resource-tags --key-id "$key" --query 'Tags[].[TagKey,TagValue]' --output text
is 'team	post'

chapter "KMS: encrypt, decrypt, data keys, re-encrypt, random"
expect_ok aws kms encrypt --key-id "$alias" --plaintext fileb://letter.txt --encryption-context app=letters \
  --query CiphertextBlob --output text
printf '%s' "$out" | base64 -d >sealed.bin
expect_ok aws kms decrypt --ciphertext-blob fileb://sealed.bin --encryption-context app=letters --query Plaintext --output text
[ "$(printf '%s' "$out" | base64 -d)" = 'dear reader' ] || fail "decrypt gave something else"
expect_error InvalidCiphertextException aws kms decrypt --ciphertext-blob fileb://sealed.bin --encryption-context app=bills
expect_ok aws kms create-key --query KeyMetadata.KeyId --output text
other=$out
expect_ok aws kms re-encrypt --ciphertext-blob fileb://sealed.bin --source-encryption-context app=letters \
  --destination-key-id "$other" --query '[KeyId,CiphertextBlob]' --output text
has "$other"
printf '%s' "$out" | cut -f2 | base64 -d >resealed.bin
expect_error IncorrectKeyException aws kms decrypt --ciphertext-blob fileb://resealed.bin --key-id "$key"
expect_ok aws kms generate-data-key --key-id "$key" --key-spec AES_256 --query '[Plaintext,CiphertextBlob]' --output text
plaintext=$(printf '%s' "$out" | cut -f1)
printf '%s' "$out" | cut -f2 | base64 -d >data-key.bin
expect_ok aws kms decrypt --ciphertext-blob fileb://data-key.bin --query Plaintext --output text
is "$plaintext"
expect_ok aws kms generate-data-key-without-plaintext --key-id "$key" --number-of-bytes 64 --query '[Plaintext,KeyId]' \
  --output text
is "None	$key_arn"
expect_ok aws kms generate-random --number-of-bytes 32 --query Plaintext --output text
[ "$(printf '%s' "$out" | base64 -d | wc -c)" -eq 32 ] || fail "not 32 random bytes"

chapter "KMS: rotation keeps what was sealed readable"
expect_ok aws kms enable-key-rotation --key-id "$key"
expect_ok aws kms get-key-rotation-status --key-id "$key" --query KeyRotationEnabled --output text
is True
# CLIs of before April 2024 do not know the call.
if out=$(aws kms rotate-key-on-demand --key-id "$key" 2>&1); then
  expect_ok aws kms decrypt --ciphertext-blob fileb://sealed.bin --encryption-context app=letters --query Plaintext \
  --output text
else
  has 'nvalid choice'
fi

chapter "SSE-KMS: by id, ARN and alias, with a context"
for name in "$key" "$key_arn" "$alias"; do
  expect_ok aws s3api put-object --bucket "$letters" --key sealed.txt --body letter.txt --server-side-encryption aws:kms \
  --ssekms-key-id "$name" \
    --query '[ServerSideEncryption,SSEKMSKeyId]' --output text
  is "aws:kms	$key_arn"
done
context=$(printf '{"project":"x"}' | base64 -w0)
expect_ok aws s3api put-object --bucket "$letters" --key context.txt --body letter.txt --server-side-encryption aws:kms \
  --ssekms-key-id "$key" \
  --ssekms-encryption-context "$context" --query SSEKMSEncryptionContext --output text
expect_ok aws s3 cp "s3://$letters/context.txt" -
is 'dear reader'
expect_ok aws s3api put-object --bucket "$letters" --key managed.txt --body letter.txt --server-side-encryption aws:kms \
  --query SSEKMSKeyId --output text
expect_ok aws kms describe-key --key-id alias/aws/s3 --query KeyMetadata.KeyManager --output text
is AWS
expect_error KMS.NotFoundException aws s3api put-object --bucket "$letters" --key none --body letter.txt \
  --server-side-encryption aws:kms --ssekms-key-id alias/absent
expect_error InvalidArgument aws s3api put-object --bucket "$letters" --key none --body letter.txt \
  --server-side-encryption AES512

chapter "DSSE-KMS and SSE-C"
expect_ok aws s3api put-object --bucket "$letters" --key twice.txt --body letter.txt --server-side-encryption aws:kms:dsse \
  --ssekms-key-id "$key" --query ServerSideEncryption --output text
is aws:kms:dsse
expect_ok aws s3 cp "s3://$letters/twice.txt" -
is 'dear reader'
head -c 32 /dev/urandom >customer.key
head -c 32 /dev/urandom >wrong.key
expect_ok aws s3 cp letter.txt "s3://$letters/customer.txt" --sse-c AES256 --sse-c-key fileb://customer.key
expect_ok aws s3 cp "s3://$letters/customer.txt" - --sse-c AES256 --sse-c-key fileb://customer.key
is 'dear reader'
expect_error 400 aws s3api head-object --bucket "$letters" --key customer.txt
expect_error AccessDenied aws s3api get-object --bucket "$letters" --key customer.txt --sse-customer-algorithm AES256 \
  --sse-customer-key fileb://wrong.key none.txt
expect_ok aws s3api copy-object --bucket "$letters" --key uncovered.txt --copy-source "$letters/customer.txt" \
  --copy-source-sse-customer-algorithm AES256 \
  --copy-source-sse-customer-key fileb://customer.key --server-side-encryption aws:kms --ssekms-key-id "$key" \
  --query ServerSideEncryption --output text
is aws:kms

chapter "multipart: 20 MB, parts in any order, part copy, abort"
expect_ok aws s3 cp big.bin "s3://$letters/big.bin" --sse aws:kms --sse-kms-key-id "$alias" --no-progress
expect_ok aws s3api head-object --bucket "$letters" --key big.bin --query '[ContentLength,ServerSideEncryption,ETag]' \
  --output text
has '20000000	aws:kms'
has '-3"'
expect_ok aws s3 cp "s3://$letters/big.bin" big.back --no-progress
same big.bin big.back
expect_ok aws s3api get-object --bucket "$letters" --key big.bin --range bytes=8388600-8388615 --query ContentLength \
  --output text range.bin
tail -c +8388601 big.bin | head -c 16 >expected.bin
same range.bin expected.bin
head -c 5242880 big.bin >part1.bin
tail -c 100 big.bin >part3.bin
expect_ok aws s3api create-multipart-upload --bucket "$letters" --key parts.bin --server-side-encryption aws:kms \
  --ssekms-key-id "$key" --query UploadId --output text
upload=$out
expect_ok aws s3api upload-part --bucket "$letters" --key parts.bin --upload-id "$upload" --part-number 3 --body part3.bin \
  --query ETag --output text
tag3=$out
expect_ok aws s3api upload-part --bucket "$letters" --key parts.bin --upload-id "$upload" --part-number 1 --body part1.bin \
  --query ETag --output text
tag1=$out
expect_ok aws s3api upload-part-copy --bucket "$letters" --key parts.bin --upload-id "$upload" --part-number 2 \
  --copy-source "$letters/big.bin" \
  --copy-source-range bytes=5242880-10485759 --query CopyPartResult.ETag --output text
tag2=$out
expect_ok aws s3api list-parts --bucket "$letters" --key parts.bin --upload-id "$upload" --query 'Parts[].PartNumber' \
  --output text
is '1	2	3'
expect_error InvalidPartOrder aws s3api complete-multipart-upload --bucket "$letters" --key parts.bin --upload-id "$upload" \
  --multipart-upload "Parts=[{PartNumber=3,ETag=$tag3},{PartNumber=1,ETag=$tag1}]"
expect_ok aws s3api complete-multipart-upload --bucket "$letters" --key parts.bin --upload-id "$upload" \
  --multipart-upload "Parts=[{PartNumber=1,ETag=$tag1},{PartNumber=2,ETag=$tag2},{PartNumber=3,ETag=$tag3}]"
expect_ok aws s3 cp "s3://$letters/parts.bin" parts.back --no-progress
{ head -c 10485760 big.bin; cat part3.bin; } >expected.bin
same parts.back expected.bin
expect_ok aws s3api create-multipart-upload --bucket "$letters" --key gone.bin --query UploadId --output text
upload=$out
expect_ok aws s3api abort-multipart-upload --bucket "$letters" --key gone.bin --upload-id "$upload"
expect_error NoSuchUpload aws s3api list-parts --bucket "$letters" --key gone.bin --upload-id "$upload"

chapter "a disabled key closes its objects, an enabled one opens them"
expect_ok aws kms disable-key --key-id "$key"
expect_error KMS.DisabledException aws s3api get-object --bucket "$letters" --key sealed.txt none.txt
expect_error KMS.DisabledException aws s3api put-object --bucket "$letters" --key none --body letter.txt \
  --server-side-encryption aws:kms --ssekms-key-id "$key"
expect_error DisabledException aws kms decrypt --ciphertext-blob fileb://sealed.bin --encryption-context app=letters
expect_ok aws kms enable-key --key-id "$key"
expect_ok aws s3 cp "s3://$letters/sealed.txt" -
is 'dear reader'
expect_ok aws kms schedule-key-deletion --key-id "$key" --pending-window-in-days 7 --query KeyState --output text
is PendingDeletion
expect_error KMS.KMSInvalidStateException aws s3api get-object --bucket "$letters" --key sealed.txt none.txt
expect_ok aws kms cancel-key-deletion --key-id "$key"
expect_error KMS.DisabledException aws s3api get-object --bucket "$letters" --key sealed.txt none.txt
expect_ok aws kms enable-key --key-id "$key"
expect_ok aws s3 cp "s3://$letters/sealed.txt" -
is 'dear reader'

chapter "default encryption with a bucket key, blocked types"
defaults=defaults-$run
expect_ok aws s3 mb "s3://$defaults"
rule="{\"ApplyServerSideEncryptionByDefault\":{\"SSEAlgorithm\":\"aws:kms\",\"KMSMasterKeyID\":\"$key_arn\"},\"BucketKeyEnabled\":true"
expect_ok aws s3api put-bucket-encryption --bucket "$defaults" --server-side-encryption-configuration "{\"Rules\":[$rule}]}"
for name in a b; do
  expect_ok aws s3api put-object --bucket "$defaults" --key "$name" --body letter.txt \
  --query '[ServerSideEncryption,BucketKeyEnabled,SSEKMSKeyId]' --output text
  is "aws:kms	True	$key_arn"
done
expect_ok aws s3api put-object --bucket "$defaults" --key plain --body letter.txt --server-side-encryption AES256 \
  --query ServerSideEncryption --output text
is AES256
expect_ok aws s3 cp "s3://$defaults/b" -
is 'dear reader'
if out=$(aws s3api put-bucket-encryption --bucket "$defaults" \
  --server-side-encryption-configuration "{\"Rules\":[$rule,\"BlockedEncryptionTypes\":{\"EncryptionType\":[\"SSE-C\"]}}]}" 2>&1); then
  expect_error AccessDenied aws s3 cp letter.txt "s3://$defaults/customer.txt" --sse-c AES256 --sse-c-key fileb://customer.key
else
  # CLIs of before 2026 do not know the member.
  has 'Unknown parameter'
fi

chapter "a policy that demands encryption, one that demands TLS, one that would be public"
strict=strict-$run
expect_ok aws s3 mb "s3://$strict"
cat >deny.json <<EOF
{"Version":"2012-10-17","Statement":[
  {"Sid":"DenyIncorrectEncryptionHeader","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::$strict/*",
   "Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}]}
EOF
expect_ok aws s3api put-bucket-policy --bucket "$strict" --policy file://deny.json
expect_error AccessDenied aws s3 cp letter.txt "s3://$strict/"
expect_ok aws s3 cp letter.txt "s3://$strict/" --sse aws:kms --sse-kms-key-id "$alias"
expect_ok aws s3 cp "s3://$strict/letter.txt" -
is 'dear reader'
cat >tls.json <<EOF
{"Version":"2012-10-17","Statement":[
  {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::$strict","arn:aws:s3:::$strict/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}
EOF
expect_ok command "$cli" --endpoint-url "$https_url" s3api put-bucket-policy --bucket "$strict" --policy file://tls.json
expect_error AccessDenied command "$cli" --endpoint-url "$http_url" s3api get-object --bucket "$strict" \
  --key letter.txt none.txt
expect_ok command "$cli" --endpoint-url "$https_url" s3api get-object --bucket "$strict" --key letter.txt through-tls.txt
same letter.txt through-tls.txt
expect_ok command "$cli" --endpoint-url "$https_url" s3api delete-bucket-policy --bucket "$strict"
cat >public.json <<EOF
{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::$strict/*"}]}
EOF
expect_error AccessDenied aws s3api put-bucket-policy --bucket "$strict" --policy file://public.json
expect_error MalformedPolicy aws s3api put-bucket-policy --bucket "$strict" \
  --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}'

chapter "versions"
expect_ok aws s3api put-bucket-versioning --bucket "$strict" --versioning-configuration Status=Enabled
printf 'first' >v1.txt
printf 'second' >v2.txt
expect_ok aws s3api put-object --bucket "$strict" --key v --body v1.txt --query VersionId --output text
first=$out
expect_ok aws s3api put-object --bucket "$strict" --key v --body v2.txt --query VersionId --output text
second=$out
expect_ok aws s3api delete-object --bucket "$strict" --key v --query '[DeleteMarker,VersionId]' --output text
has True
marker=$(printf '%s' "$out" | cut -f2)
expect_error NoSuchKey aws s3api get-object --bucket "$strict" --key v none.txt
expect_ok aws s3api get-object --bucket "$strict" --key v --version-id "$first" --query VersionId --output text v1.back
same v1.txt v1.back
expect_ok aws s3api list-object-versions --bucket "$strict" --prefix v \
  --query '[Versions[].VersionId,DeleteMarkers[].VersionId]' --output text
is "$second	$first
$marker"
expect_ok aws s3api delete-object --bucket "$strict" --key v --version-id "$marker"
expect_ok aws s3 cp "s3://$strict/v" -
is second

chapter "IAM: a user, keys, inline and managed policies, all enforced; KMS grants"
user=reader-$run
expect_ok aws iam create-user --user-name "$user" --query User.Arn --output text
user_arn=$out
expect_ok aws iam create-access-key --user-name "$user" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text
user_id=$(printf '%s' "$out" | cut -f1)
user_secret=$(printf '%s' "$out" | cut -f2)
as_user() { AWS_ACCESS_KEY_ID=$user_id AWS_SECRET_ACCESS_KEY=$user_secret command "$cli" --endpoint-url "$endpoint" "$@"; }
expect_ok as_user sts get-caller-identity --query Arn --output text
is "$user_arn"
expect_error AccessDenied as_user s3api get-object --bucket "$letters" --key sealed.txt none.txt
expect_ok aws iam put-user-policy --user-name "$user" --policy-name read --policy-document \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::$letters/*\"}]}"
expect_error AccessDenied as_user s3api get-object --bucket "$letters" --key sealed.txt none.txt
has kms:Decrypt
expect_ok aws kms create-grant --key-id "$key" --grantee-principal "$user_arn" --operations Decrypt --query GrantId \
  --output text
grant=$out
expect_ok as_user s3api get-object --bucket "$letters" --key sealed.txt granted.txt
same letter.txt granted.txt
expect_error AccessDenied as_user s3api put-object --bucket "$letters" --key none --body letter.txt
expect_ok aws kms list-grants --key-id "$key" --query 'Grants[].GrantId' --output text
is "$grant"
expect_ok aws kms revoke-grant --key-id "$key" --grant-id "$grant"
expect_error AccessDenied as_user s3api get-object --bucket "$letters" --key sealed.txt none.txt
expect_ok aws iam create-policy --policy-name "use-$run" \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Decrypt","iam:GetUser"],"Resource":"*"}]}' \
  --query Policy.Arn --output text
expect_ok aws iam attach-user-policy --user-name "$user" --policy-arn "$out"
expect_ok as_user s3 cp "s3://$letters/sealed.txt" -
is 'dear reader'
expect_ok as_user iam get-user --query User.UserName --output text
is "$user"
expect_ok aws iam update-access-key --user-name "$user" --access-key-id "$user_id" --status Inactive
expect_error InvalidAccessKeyId as_user s3api get-object --bucket "$letters" --key sealed.txt none.txt

chapter "presigned URL"
expect_ok aws s3 presign "s3://$letters/sealed.txt" --expires-in 60
url=$out
expect_ok curl -sS --cacert "$AWS_CA_BUNDLE" "$url"
is 'dear reader'
expect_ok curl -sS --cacert "$AWS_CA_BUNDLE" "$(printf '%s' "$url" | sed 's/sealed\.txt/context.txt/')"
has '<Code>SignatureDoesNotMatch</Code>'

chapter "refusals by name, and the end"
expect_error NotImplemented aws s3api put-bucket-website --bucket "$letters" \
  --website-configuration '{"IndexDocument":{"Suffix":"index.html"}}'
expect_error BucketNotEmpty aws s3api delete-bucket --bucket "$letters"
expect_ok aws s3 rb "s3://$letters" --force
expect_error NoSuchBucket aws s3 ls "s3://$letters"
printf 'all of it holds over %s, with %s\n' "$scheme" "$(command "$cli" --version 2>&1 | cut -d' ' -f1)"
