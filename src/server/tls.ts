/**
 * TLS material: the operator's own files, reloaded when they change, or a certificate of a local CA made at first start.
 * The CA's key stays in the configuration directory (0600); clients trust `ca.pem` (`coffer env` sets AWS_CA_BUNDLE).
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, unwatchFile, watchFile } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { DAY_MS } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import { newKeyPair, writeCertificate } from "./certificate.js";
import { ConfigError, type Config } from "./config.js";
import { createPrivateFile, replacePrivateFile } from "./files.js";

export interface TlsMaterial {
  readonly certFile: string;
  readonly keyFile: string;
  /** CA bundle for clients; undefined with the operator's own certificate. */
  readonly caFile: string | undefined;
}

const CA_NAME = "Coffer local CA";
const CA_DAYS = 3650;
/** Under 398 days, as some clients demand. */
const SERVER_DAYS = 390;
const RENEW_BEFORE_DAYS = 30;

/** Finds or makes the certificate; called once, before workers start. */
export function ensureTlsMaterial(config: Config, nowMs: number): TlsMaterial {
  if (config.tlsFiles !== undefined) return { certFile: config.tlsFiles.cert, keyFile: config.tlsFiles.key, caFile: undefined };
  const at = (file: string): string => join(config.configDir, "tls", file);
  const material = { caFile: at("ca.pem"), certFile: at("server.pem"), keyFile: at("server.key") };
  const names = serverNames(config);
  if (!existsSync(at("ca.key"))) {
    const ca = newKeyPair();
    const dates = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + CA_DAYS * DAY_MS };
    const pem = writeCertificate({
      subject: CA_NAME,
      issuer: CA_NAME,
      publicKey: ca.publicKey,
      signingKey: ca.privateKey,
      ...dates,
      use: { ca: true },
    });
    // The key last: where it exists, its certificate does.
    replacePrivateFile(at("ca.pem"), pem);
    createPrivateFile(at("ca.key"), ca.privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  }
  if (!stillGood(material, names, nowMs)) {
    const server = newKeyPair();
    const dates = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + SERVER_DAYS * DAY_MS };
    const signingKey = createPrivateKey(readFileSync(at("ca.key")));
    const pem = writeCertificate({
      subject: "coffer",
      issuer: CA_NAME,
      publicKey: server.publicKey,
      signingKey,
      ...dates,
      use: { ca: false, names },
    });
    replacePrivateFile(material.keyFile, server.privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    replacePrivateFile(material.certFile, pem + readFileSync(at("ca.pem"), "utf8"));
  }
  return material;
}

function serverNames(config: Config): string[] {
  const own = ["localhost", "*.localhost", "127.0.0.1", "::1", "s3.amazonaws.com", "*.s3.amazonaws.com", hostname()];
  for (const region of config.regions) own.push(`s3.${region}.amazonaws.com`, `*.s3.${region}.amazonaws.com`);
  for (const domain of config.domains) own.push(domain, `*.${domain}`);
  const host = config.tlsListen?.host;
  if (host !== undefined && host !== "0.0.0.0" && host !== "::") own.push(host);
  return [...new Set(own.map((name) => name.toLowerCase()))];
}

/** Is the server certificate there, ours, not about to end, and for all names? */
function stillGood(material: TlsMaterial & { caFile: string }, names: readonly string[], nowMs: number): boolean {
  if (!existsSync(material.certFile) || !existsSync(material.keyFile)) return false;
  const certificate = new X509Certificate(readFileSync(material.certFile));
  const ca = new X509Certificate(readFileSync(material.caFile));
  const listed = new Set(
    (certificate.subjectAltName ?? "").split(", ").map((entry) => entry.replace(/^(DNS|IP Address):/, "").toLowerCase()),
  );
  const missing = names.filter((name) => !listed.has(name) && !(name === "::1" && listed.has("0:0:0:0:0:0:0:1")));
  return (
    certificate.verify(ca.publicKey) &&
    missing.length === 0 &&
    Date.parse(certificate.validTo) > nowMs + RENEW_BEFORE_DAYS * DAY_MS
  );
}

/** The certificate as files hold it now. @throws ConfigError when they don't form a pair */
export function loadCredentials(material: TlsMaterial): { readonly cert: Buffer; readonly key: Buffer } {
  try {
    const cert = readFileSync(material.certFile);
    const key = readFileSync(material.keyFile);
    createSecureContext({ cert, key });
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) throw new Error("the key is not the certificate's");
    return { cert, key };
  } catch (cause) {
    throw new ConfigError(`tls: ${material.certFile} and ${material.keyFile} are not usable: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Calls `apply` when the certificate changes on disk; a broken pair is logged and the old one stays. @returns stop */
export function watchCredentials(
  material: TlsMaterial,
  apply: (context: { cert: Buffer; key: Buffer }) => void,
  log: Log,
): () => void {
  const reload = (): void => {
    try {
      apply(loadCredentials(material));
      log.info({ certFile: material.certFile }, "certificate reloaded");
    } catch (error) {
      log.error({ reason: (error as Error).message }, "certificate not reloaded; the old one stays in use");
    }
  };
  const options = { interval: 2000, persistent: false };
  const onChange = (now: { mtimeMs: number }, before: { mtimeMs: number }): void => {
    if (now.mtimeMs !== before.mtimeMs && now.mtimeMs !== 0) reload();
  };
  watchFile(material.certFile, options, onChange);
  watchFile(material.keyFile, options, onChange);
  return () => {
    unwatchFile(material.certFile, onChange);
    unwatchFile(material.keyFile, onChange);
  };
}
