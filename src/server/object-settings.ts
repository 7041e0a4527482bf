/** What the objects room is told of the configuration, of a served store and of one that is only looked at. */
import { DEFAULT_LIMITS, type ObjectSettings } from "../objects/deps.js";
import type { Config } from "./config.js";
import { graceMsOf } from "./limits.js";

export function objectSettings(config: Config): ObjectSettings {
  return {
    defaultRegion: config.region,
    regions: config.regions,
    newBucketDefaults: config.newBucketDefaults,
    sseCOnNewBuckets: config.sseCOnNewBuckets,
    limits: { ...DEFAULT_LIMITS, graceMs: graceMsOf(config) },
  };
}
