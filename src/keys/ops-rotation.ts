/** Rotation, as callers see and steer it. Source: kms service model; kms.md §8.3 of the reference. */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation } from "../gate/contract.js";
import { MINUTE_MS } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import type { Found } from "../stores/records.js";
import type {
  DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse,
  ListKeyRotationsRequest, ListKeyRotationsResponse, RotateKeyOnDemandRequest, RotateKeyOnDemandResponse, RotationsListEntry,
} from "../wire/tables/kms-types.js";
import { defineChange } from "./change.js";
import { requireState, stateOf } from "./key.js";
import type { Key } from "./key.js";
import { keyFacts } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import type { Kms } from "./kms.js";
import { DEFAULT_ROTATION_PERIOD_DAYS, LIMITS, MAX_ON_DEMAND_ROTATIONS } from "./limits.js";
import { keyChange, refuseManaged } from "./key-change.js";
import { page, pageSize, pageStart } from "./pages.js";
import { keyPermission } from "./permission.js";
import type { MaterialClear } from "./records.js";
import { newSchedule, rotationBatch } from "./rotation.js";
import { validate } from "./validate.js";

export function rotationOperations(kms: Kms): AnyOperation[] {
  return [...schedules(kms), getKeyRotationStatus(kms), rotateKeyOnDemand(kms), listKeyRotations(kms)];
}

function schedules(kms: Kms): AnyOperation[] {
  return [
    keyChange<EnableKeyRotationRequest, undefined>(kms, "EnableKeyRotation", {
      context: ({ RotationPeriodInDays: days }) => (days === undefined ? {} : { "kms:RotationPeriodInDays": String(days) }),
      change({ RotationPeriodInDays: days = DEFAULT_ROTATION_PERIOD_DAYS }, { clear }, call) {
        // Asking for what is so already must not move the date: clients repeat themselves.
        if (clear.rotation?.periodDays === days) return { output: undefined };
        return { clear: { ...clear, rotation: newSchedule(days, call.nowMs) }, output: undefined };
      },
    }),
    keyChange<DisableKeyRotationRequest, undefined>(kms, "DisableKeyRotation", {
      change(_input, { clear }) {
        const { rotation, ...rest } = clear;
        return rotation === undefined ? { output: undefined } : { clear: rest, output: undefined };
      },
    }),
  ];
}

function getKeyRotationStatus(kms: Kms): AnyOperation {
  return defineOperation<GetKeyRotationStatusRequest, KeyFacts, GetKeyRotationStatusResponse>({
    service: "kms",
    name: "GetKeyRotationStatus",
    async resolve(input, call) {
      validate(input, LIMITS.GetKeyRotationStatus);
      return keyFacts(kms, input, { action: "kms:GetKeyRotationStatus", crossAccount: true }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "GetKeyRotationStatus" }, call)],
    async run(_input, { key }) {
      const { rotation } = key.clear;
      if (rotation === undefined || stateOf(key) === "PendingDeletion") return { KeyRotationEnabled: false, KeyId: key.arn };
      return {
        KeyRotationEnabled: true,
        KeyId: key.arn,
        RotationPeriodInDays: rotation.periodDays,
        NextRotationDate: new Date(rotation.nextMs),
      };
    },
  });
}

/** AWS refuses an on-demand rotation this close to an automatic one. */
const QUIET_MS = 20 * MINUTE_MS;

function rotateKeyOnDemand(kms: Kms): AnyOperation {
  return defineChange<RotateKeyOnDemandRequest, KeyFacts, RotateKeyOnDemandResponse>({
    name: "RotateKeyOnDemand",
    async resolve(input, call) {
      validate(input, LIMITS.RotateKeyOnDemand);
      return keyFacts(kms, input, { action: "kms:RotateKeyOnDemand" }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "RotateKeyOnDemand" }, call)],
    async attempt(_input, { key }, call) {
      refuseManaged(key);
      requireState("RotateKeyOnDemand", key);
      const { rotation, onDemandRotations } = key.clear;
      if (rotation !== undefined && rotation.nextMs - call.nowMs <= QUIET_MS) {
        const message = `An automatic rotation of ${key.arn} is scheduled within the next 20 minutes.`;
        throw new ServiceError("ConflictException", message);
      }
      if (onDemandRotations >= MAX_ON_DEMAND_ROTATIONS) {
        throw new ServiceError(
          "LimitExceededException",
          "The on-demand rotations limit has been reached for the given keyId. " +
            `No more on-demand rotations can be performed for this key: ${key.arn}`,
        );
      }
      const { materialId, ...batch } = rotationBatch(kms, key, "ON_DEMAND", call.nowMs);
      call.annotate({ responseElements: { keyId: key.arn }, additionalEventData: { keyMaterialId: materialId } });
      return { batch, output: { KeyId: key.arn } };
    },
  });
}

/** 25 on demand, and one every 90 days at most. */
const MAX_MATERIALS = 10_000;

function listKeyRotations(kms: Kms): AnyOperation {
  return defineOperation<ListKeyRotationsRequest, KeyFacts, ListKeyRotationsResponse>({
    service: "kms",
    name: "ListKeyRotations",
    async resolve(input, call) {
      validate(input, LIMITS.ListKeyRotations);
      return keyFacts(kms, input, { action: "kms:ListKeyRotations" }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "ListKeyRotations" }, call)],
    async run(input, { key }) {
      const all = input.IncludeKeyMaterial === "ALL_KEY_MATERIAL";
      const scope = ["ListKeyRotations", key.region, key.keyId, String(all)];
      const limit = pageSize(input, { byDefault: 100, max: 1000 });
      const after = pageStart(kms.keyring, scope, input)?.readUInt32BE(0);
      const rows = await kms.tables.materials.list({ prefix: [key.region, key.keyId], limit: MAX_MATERIALS });
      const lines = rows
        .filter(({ clear }) => (all || clear.rotationType !== undefined) && (after === undefined || clear.sequence > after))
        .sort((a, b) => a.clear.sequence - b.clear.sequence)
        .slice(0, limit + 1)
        .map((row) => ({ place: sequencePlace(row.clear.sequence), item: rotationEntry(key, row) }));
      const { items, ...rest } = page(kms.keyring, scope, limit, lines);
      return { Rotations: items, ...rest };
    },
  });
}

function sequencePlace(sequence: number): Buffer {
  const place = Buffer.alloc(4);
  place.writeUInt32BE(sequence);
  return place;
}

function rotationEntry(key: Key, { clear }: Found<MaterialClear>): RotationsListEntry {
  const { rotationType } = clear;
  return {
    KeyId: key.keyId,
    KeyMaterialId: clear.materialId,
    KeyMaterialState: clear.materialId === key.clear.materialId ? "CURRENT" : "NON_CURRENT",
    ...(rotationType === undefined ? {} : { RotationDate: new Date(clear.createdMs), RotationType: rotationType }),
  };
}
