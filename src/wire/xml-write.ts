/** Writing XML text as S3 does: quotes as `&quot;`, carriage returns and XML-illegal characters as references. */

const SPECIAL = /[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\ufffe\uffff]/;
const SPECIALS = /[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\ufffe\uffff]/g;
const NAMED: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;" };

/**
 * Character data or attribute value. Control characters become `&#x1;` …: XML 1.0 has no way to write them, AWS does this,
 * and parsers of the common SDKs accept it; `encoding-type=url` is the caller's way to be sure.
 */
export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  // ETags, one an entry of a listing, are quoted and nothing else: replacing by a function costs more than all the rest.
  if (text.length > 1 && text.startsWith('"') && text.endsWith('"')) {
    const inner = text.slice(1, -1);
    if (!SPECIAL.test(inner)) return `&quot;${inner}&quot;`;
  }
  return text.replace(SPECIALS, reference);
}

function reference(char: string): string {
  return NAMED[char] ?? `&#x${char.charCodeAt(0).toString(16)};`;
}

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
