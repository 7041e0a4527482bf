/**
 * The form of the wire tables (src/wire/tables/): what AWS's model says about each operation and shape, as plain data.
 * Router, codecs and error statuses derive from it; `npm run tables` writes it (tools/wire-tables.mjs). Only the table of
 * Coffer's own verbs (tables/coffer.ts) is written by hand.
 */
import type { Service } from "./types.js";

export type Protocol = "rest-xml" | "aws-json" | "aws-query";

/**
 * Kind of a value. `#Name` refers to a structure of the same table. Timestamps without a format follow the protocol
 * and place (body, header); `long`: in aws-json, a whole number that may exceed 32 bits; `stream` is a body that is not held in
 * memory; `events` an event stream.
 */
export type TypeRef = string | ListType | MapType;
/** @property item element name of a list member that is not flattened; default `member` */
export interface ListType {
  readonly list: TypeRef;
  readonly item?: string;
}
export interface MapType {
  readonly map: TypeRef;
}

/** Where a member travels; absent: in the body. */
export type Place = "label" | "header" | "prefix" | "query" | "queryMap" | "payload" | "status";

export interface MemberTable {
  readonly type: TypeRef;
  readonly in?: Place;
  /** Header (lower case), header prefix or query name; in the body: the XML or query name where it differs from the member's. */
  readonly name?: string;
  /** List items stand directly in the structure, without a wrapper element. */
  readonly flat?: true;
  /** An XML attribute of the structure's element. */
  readonly attribute?: true;
  /** `[prefix, uri]` declared on the element. */
  readonly ns?: readonly [string, string];
  readonly enum?: string;
  readonly sensitive?: true;
  readonly token?: true;
  /** Part of the host name, such as S3 Control's account id. */
  readonly host?: true;
}

export interface StructureTable {
  /** Root element, where the structure is a whole body and its name differs from the shape's. */
  readonly name?: string;
  readonly union?: true;
  readonly required?: readonly string[];
  readonly members: Readonly<Record<string, MemberTable>>;
}

export interface OperationTable {
  readonly method: string;
  /** Path pattern and query literals, without the bucket: `/{Key+}?acl`. `/` for the RPC protocols. */
  readonly uri: string;
  /** Status of success. */
  readonly status: number;
  /** Structure names; absent: nothing is sent. */
  readonly input?: string;
  readonly output?: string;
  /** The body needs Content-MD5 or a checksum. */
  readonly checksumRequired?: true;
}

/** @property code the code on the wire, where it is not the shape's name (aws-query) */
export interface ErrorTable {
  readonly status: number;
  readonly code?: string;
  readonly members?: readonly string[];
}

export interface ServiceTable {
  readonly service: Service;
  readonly protocol: Protocol;
  readonly version: string;
  readonly xmlNamespace: string;
  readonly operations: Readonly<Record<string, OperationTable>>;
  readonly structures: Readonly<Record<string, StructureTable>>;
  readonly errors: Readonly<Record<string, ErrorTable>>;
  readonly enums: Readonly<Record<string, readonly string[]>>;
}
