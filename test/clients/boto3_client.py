"""What applications do with boto3: the transfer manager, encryption, presigned URLs, paginators, waiters, errors.

Run by boto3.test.ts: settings come as JSON on standard input. Every step asserts; the last line says how many there were.
"""

import base64
import hashlib
import io
import json
import os
import sys
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

SETTINGS = json.load(sys.stdin)
BUCKET = SETTINGS["bucket"]
MIB = 1024 * 1024
PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
LARGE = hashlib.shake_256(b"large").digest(11 * MIB + 7)
SMALL = hashlib.shake_256(b"small").digest(70_001)


def client(service, endpoint, **config):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        verify=SETTINGS["ca"],
        region_name="us-east-1",
        aws_access_key_id=SETTINGS["accessKeyId"],
        aws_secret_access_key=SETTINGS["secretAccessKey"],
        config=Config(signature_version="s3v4" if service == "s3" else None, retries={"max_attempts": 0}, **config),
    )


S3 = client("s3", SETTINGS["endpoint"], s3={"addressing_style": "path"})
KMS = client("kms", SETTINGS["endpoint"])
KEY = KMS.create_key(Description="boto3")["KeyMetadata"]["Arn"]


def same(actual, expected, what):
    assert actual == expected, f"{what}: {actual!r:.200} is not {expected!r:.200}"


def read(key, **extra):
    return S3.get_object(Bucket=BUCKET, Key=key, **extra)["Body"].read()


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        same(error.response["Error"]["Code"], code, "error code")
        return
    raise AssertionError(f"expected {code}")


def transfers():
    """upload_file and download_file in parts, from several threads, in each encryption."""
    path = os.path.join(SETTINGS["home"], "large")
    with open(path, "wb") as file:
        file.write(LARGE)
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    modes = {
        "plain": ({}, {}),
        "kms": ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY, "Metadata": {"author": "Janet"}}, {}),
        "sse-c": (customer, customer),
    }
    for name, (upload, download) in modes.items():
        key = f"transfer/{name}"
        S3.upload_file(path, BUCKET, key, ExtraArgs=upload, Config=PARTS)
        S3.download_file(BUCKET, key, path + ".back", ExtraArgs=download, Config=PARTS)
        with open(path + ".back", "rb") as file:
            assert file.read() == LARGE, f"{name}: bytes differ"
        head = S3.head_object(Bucket=BUCKET, Key=key, **download)
        same(head["ContentLength"], len(LARGE), "length")
        assert head["ETag"].endswith('-3"'), head["ETag"]
    head = S3.head_object(Bucket=BUCKET, Key="transfer/kms")
    same((head["ServerSideEncryption"], head["SSEKMSKeyId"], head["Metadata"]), ("aws:kms", KEY, {"author": "Janet"}), "kms head")
    fails("400", S3.head_object, Bucket=BUCKET, Key="transfer/sse-c")
    fails("InvalidRequest", S3.get_object, Bucket=BUCKET, Key="transfer/sse-c")
    fails("AccessDenied", S3.get_object, Bucket=BUCKET, Key="transfer/sse-c", SSECustomerAlgorithm="AES256", SSECustomerKey=os.urandom(32))


def copies():
    """The managed copy goes part by part above the threshold, and re-encrypts."""
    source = {"Bucket": BUCKET, "Key": "transfer/kms"}
    S3.copy(source, BUCKET, "copied", ExtraArgs={"ServerSideEncryption": "AES256"}, Config=PARTS)
    assert read("copied") == LARGE, "copy differs"
    same(S3.head_object(Bucket=BUCKET, Key="copied")["ServerSideEncryption"], "AES256", "copy's encryption")


def objects():
    """put_object with its checksums, ranges, streamed uploads of unknown length, odd names."""
    for size in (0, 1, 65_535, 65_536, 65_537):
        S3.put_object(Bucket=BUCKET, Key=f"size/{size}", Body=SMALL[:size])
        same(read(f"size/{size}"), SMALL[:size], f"{size} bytes")
    S3.upload_fileobj(io.BytesIO(SMALL), BUCKET, "sp ace+plus%41/é/日本語", Config=PARTS)
    same(read("sp ace+plus%41/é/日本語"), SMALL, "odd name")
    same(read("size/65537", Range="bytes=65530-65540"), SMALL[65_530:65_537], "range")
    digest = base64.b64encode(hashlib.sha256(SMALL).digest()).decode()
    put = S3.put_object(Bucket=BUCKET, Key="sha256", Body=SMALL, ChecksumAlgorithm="SHA256")
    same(put["ChecksumSHA256"], digest, "checksum")
    same(S3.get_object(Bucket=BUCKET, Key="sha256", ChecksumMode="ENABLED")["ChecksumSHA256"], digest, "stored checksum")
    fails("NoSuchKey", S3.get_object, Bucket=BUCKET, Key="absent")
    fails("404", S3.head_object, Bucket=BUCKET, Key="absent")


def presigned():
    """URLs and the POST form work without credentials and end when changed."""
    fetch = lambda request: urllib.request.urlopen(request, timeout=30)
    plain = client("s3", SETTINGS["httpEndpoint"], s3={"addressing_style": "path"})
    url = plain.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "presigned", "ContentType": "text/x"}, ExpiresIn=60)
    same(fetch(urllib.request.Request(url, data=SMALL, method="PUT", headers={"Content-Type": "text/x"})).status, 200, "presigned PUT")
    url = plain.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "presigned", "ResponseContentType": "a/b"}, ExpiresIn=60)
    answer = fetch(url)
    same((answer.read() == SMALL, answer.headers["Content-Type"]), (True, "a/b"), "presigned GET")
    try:
        fetch(url.replace("presigned", "sha256"))
        raise AssertionError("a changed URL was accepted")
    except urllib.error.HTTPError as error:
        same(error.code, 403, "changed URL")
    form = plain.generate_presigned_post(BUCKET, "form/${filename}", Fields={"x-amz-meta-a": "b"}, Conditions=[{"x-amz-meta-a": "b"}])
    boundary = "----boundary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form["fields"].items()]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\nContent-Type: x/y\r\n\r\n'
    body = ("".join(parts) + head).encode() + SMALL + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    same(fetch(urllib.request.Request(form["url"], data=body, headers=headers)).status, 204, "POST form")
    same(read("form/f.bin"), SMALL, "posted file")


def listings():
    """Paginators of V1, V2, versions and parts; the resource API; batch deletion."""
    names = [f"page/{number:03}" for number in range(25)] + ["page/sub/a", "page/sub/b"]
    for name in names:
        S3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    for operation in ("list_objects", "list_objects_v2"):
        pages = list(S3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix="page/", PaginationConfig={"PageSize": 4}))
        same([entry["Key"] for page in pages for entry in page.get("Contents", [])], names, operation)
        same(len(pages), 7, "pages")
        pages = S3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix="page/", Delimiter="/", PaginationConfig={"PageSize": 5})
        same([entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])], ["page/sub/"], "common prefixes")
    S3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2", b"3"):
        S3.put_object(Bucket=BUCKET, Key="versioned", Body=body)
    pages = S3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix="versioned", PaginationConfig={"PageSize": 2})
    versions = [entry for page in pages for entry in page["Versions"]]
    same([read("versioned", VersionId=entry["VersionId"]) for entry in versions], [b"3", b"2", b"1"], "versions")


def teardown():
    """The resource API deletes every version in batches, then the bucket; waiters see both."""
    S3.get_waiter("object_exists").wait(Bucket=BUCKET, Key="versioned")
    bucket = boto3.resource(
        "s3",
        endpoint_url=SETTINGS["endpoint"],
        verify=SETTINGS["ca"],
        region_name="us-east-1",
        aws_access_key_id=SETTINGS["accessKeyId"],
        aws_secret_access_key=SETTINGS["secretAccessKey"],
        config=Config(s3={"addressing_style": "path"}),
    ).Bucket(BUCKET)
    bucket.object_versions.delete()
    bucket.delete()
    S3.get_waiter("bucket_not_exists").wait(Bucket=BUCKET, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    fails("NoSuchBucket", S3.list_objects_v2, Bucket=BUCKET)


S3.create_bucket(Bucket=BUCKET)
same(S3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"], None, "location")
STEPS = [transfers, copies, objects, presigned, listings, teardown]
for step in STEPS:
    step()
    print(f"ok {step.__name__}", flush=True)
print(f"{len(STEPS)} steps with boto3 {boto3.__version__}")
