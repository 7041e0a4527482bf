/** `coffer env`: shell assignments for AWS clients, from the files that the server wrote. */
import { ConfigError, type Config } from "../server/config.js";
import { endpointPath, readEndpointFile, readRootCredential, rootCredentialPath } from "../server/endpoint-file.js";

/** @throws ConfigError when no server has started with this configuration */
export function printEnvironment(config: Config): void {
  const endpoint = readEndpointFile(config);
  if (endpoint === undefined) throw new ConfigError(`no ${endpointPath(config)}: start the server first`);
  const given = config.rootCredential;
  const credential =
    given === undefined
      ? readRootCredential(config)
      : { accessKeyId: given.accessKeyId, secretAccessKey: given.secretAccessKey.utf8() };
  if (credential === undefined)
    throw new ConfigError(`no ${rootCredentialPath(config)}: give the credential, or run coffer root reset`);
  const url = endpoint.httpUrl ?? endpoint.httpsUrl ?? "";
  const variables: Record<string, string> = {
    AWS_ACCESS_KEY_ID: credential.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credential.secretAccessKey,
    AWS_DEFAULT_REGION: endpoint.region,
    AWS_REGION: endpoint.region,
    AWS_ENDPOINT_URL: url,
    ...(endpoint.caFile === undefined ? {} : { AWS_CA_BUNDLE: endpoint.caFile }),
    ...(endpoint.httpUrl === undefined ? {} : { COFFER_HTTP_URL: endpoint.httpUrl }),
    ...(endpoint.httpsUrl === undefined ? {} : { COFFER_HTTPS_URL: endpoint.httpsUrl }),
  };
  for (const [name, value] of Object.entries(variables)) process.stdout.write(`export ${name}=${shellQuote(value)}\n`);
  process.stdout.write("unset AWS_SESSION_TOKEN AWS_PROFILE\n");
}

const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
