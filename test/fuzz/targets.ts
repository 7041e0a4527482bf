/** All fuzz targets. */
import type { Target } from "./target.js";
import { chunked } from "./targets/chunked.js";
import { postForm } from "./targets/form.js";
import { kms } from "./targets/kms.js";
import { policy } from "./targets/policy.js";
import { sealed } from "./targets/sealed.js";
import { sigv4 } from "./targets/sigv4.js";
import { xml } from "./targets/xml.js";

export const TARGETS: readonly Target[] = [xml, chunked, sigv4, policy, sealed, kms, postForm];
