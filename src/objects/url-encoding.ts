/** `encoding-type=url` of the listings: keys that XML cannot carry. Source: S3 API reference §5.4. */
import { invalidArgument } from "./errors.js";

/**
 * How names are shown.
 * @throws ServiceError InvalidArgument for anything but `url`
 */
export function nameEncoder(encodingType: string | undefined): (name: string) => string {
  if (encodingType === undefined || encodingType === "") return (name) => name;
  if (encodingType.toLowerCase() !== "url")
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", encodingType);
  return urlEncode;
}

/** Percent-encodes all but unreserved characters and `/`; every decoder, of forms or of URLs, gives the name back. */
export function urlEncode(name: string): string {
  const strict = encodeURIComponent(name).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return strict.replaceAll("%2F", "/");
}
