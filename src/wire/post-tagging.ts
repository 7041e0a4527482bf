/**
 * The `tagging` field of a POST form: an XML document there, a query string in the header of PutObject.
 *
 * Source: S3 "POST Object", field `tagging`.
 */
import { SaxesParser } from "saxes";
import { ServiceError } from "../lib/errors.js";
import { percentEncode } from "./uri.js";

const malformed = (): ServiceError =>
  new ServiceError("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", {
    status: 400,
  });

/**
 * `<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>` → `a=b`.
 * @throws ServiceError MalformedXML
 */
export function taggingHeader(xml: string): string {
  const path: string[] = [];
  const tags: string[] = [];
  let key: string | undefined;
  let value: string | undefined;
  let text = "";
  const parser = new SaxesParser();
  parser.on("error", () => {
    throw malformed();
  });
  parser.on("doctype", () => {
    throw malformed();
  });
  parser.on("opentag", ({ name }) => {
    path.push(name);
    text = "";
    if (
      !["Tagging", "Tagging/TagSet", "Tagging/TagSet/Tag", "Tagging/TagSet/Tag/Key", "Tagging/TagSet/Tag/Value"].includes(
        path.join("/"),
      )
    ) {
      throw malformed();
    }
  });
  parser.on("text", (piece) => {
    text += piece;
  });
  parser.on("cdata", (piece) => {
    text += piece;
  });
  parser.on("closetag", ({ name }) => {
    path.pop();
    if (name === "Key") key = text;
    else if (name === "Value") value = text;
    else if (name === "Tag") {
      if (key === undefined || value === undefined) throw malformed();
      tags.push(`${percentEncode(key)}=${percentEncode(value)}`);
      key = value = undefined;
    }
  });
  parser.write(xml).close();
  return tags.join("&");
}
