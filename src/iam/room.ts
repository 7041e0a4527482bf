/**
 * What the operations of this room share. Made once by `createIam`.
 */
import type { KeyObject } from "node:crypto";
import type { PrincipalResolver } from "../gate/contract.js";
import type { MetadataStore } from "../stores/contract.js";
import type { KeyUse } from "./key-use.js";
import type { Lookup } from "./lookup.js";
import type { Markers } from "./pages.js";
import type { IamTables } from "./records.js";
import type { RuntimeCredentials } from "./runtime-credentials.js";

export interface IamRoom {
  /** For listings and counts; changes go through `call.commit`. */
  readonly store: MetadataStore;
  readonly tables: IamTables;
  readonly lookup: Lookup;
  readonly resolver: PrincipalResolver;
  readonly markers: Markers;
  readonly sessionKey: KeyObject;
  readonly runtime: RuntimeCredentials;
  readonly uses: KeyUse;
}
