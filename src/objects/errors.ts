/** S3's errors that several operations of this room answer, with AWS's texts. */
import { ServiceError } from "../lib/errors.js";

export const noSuchBucket = (bucket: string): ServiceError =>
  new ServiceError("NoSuchBucket", "The specified bucket does not exist", { status: 404, fields: { BucketName: bucket } });

export const noSuchKey = (key: string, headers: Readonly<Record<string, string>> = {}): ServiceError =>
  new ServiceError("NoSuchKey", "The specified key does not exist.", { status: 404, fields: { Key: key }, headers });

export const noSuchVersion = (key: string, versionId: string): ServiceError =>
  new ServiceError("NoSuchVersion", "The specified version does not exist.", {
    status: 404,
    fields: { Key: key, VersionId: versionId },
  });

export const noSuchUpload = (uploadId: string): ServiceError =>
  new ServiceError(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    { status: 404, fields: { UploadId: uploadId } },
  );

/** @param allow methods that the resource would take, e.g. `DELETE` */
export const methodNotAllowed = (method: string, headers: Readonly<Record<string, string>> = {}): ServiceError =>
  new ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", {
    status: 405,
    fields: { Method: method, ResourceType: "DeleteMarker" },
    headers,
  });

export const invalidArgument = (message: string, name: string, value?: string): ServiceError =>
  new ServiceError("InvalidArgument", message, {
    status: 400,
    fields: { ArgumentName: name, ...(value === undefined ? {} : { ArgumentValue: value }) },
  });

export const invalidRequest = (message: string): ServiceError => new ServiceError("InvalidRequest", message, { status: 400 });

/** @param condition name of the header that did not hold */
export const preconditionFailed = (condition: string): ServiceError =>
  new ServiceError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    status: 412,
    fields: { Condition: condition },
  });

export const conditionalConflict = (condition: string, key: string): ServiceError =>
  new ServiceError(
    "ConditionalRequestConflict",
    "The conditional request cannot succeed due to a conflicting operation against this resource.",
    {
      status: 409,
      fields: { Condition: condition, Key: key },
    },
  );

export const operationAborted = (): ServiceError =>
  new ServiceError(
    "OperationAborted",
    "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    {
      status: 409,
    },
  );

export const slowDown = (): ServiceError => new ServiceError("SlowDown", "Please reduce your request rate.", { status: 503 });

export const malformedXml = (): ServiceError =>
  new ServiceError("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", {
    status: 400,
  });

export const notImplemented = (header: string): ServiceError =>
  new ServiceError("NotImplemented", "A header you provided implies functionality that is not implemented", {
    status: 501,
    fields: { Header: header },
  });

export const entityTooLarge = (proposed: number, limit: number): ServiceError =>
  new ServiceError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
    status: 400,
    fields: { ProposedSize: String(proposed), MaxSizeAllowed: String(limit) },
  });
