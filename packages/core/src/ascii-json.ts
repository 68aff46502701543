/**
 * JSON in ASCII as bytes: for what is stored or sent seldom, so that people can read it and later versions can add to it.
 * The same value gives the same bytes.
 */

const CHUNK = 1024;

export function encodeJson(value: object): Uint8Array {
  const json = JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const data = new Uint8Array(json.length);
  for (let place = 0; place < json.length; place += 1) data[place] = json.charCodeAt(place);
  return data;
}

/** Throws a `SyntaxError` on bytes that are no JSON. */
export function decodeJson(data: Uint8Array): unknown {
  let json = "";
  for (let from = 0; from < data.length; from += CHUNK)
    json += Reflect.apply(String.fromCharCode, null, data.subarray(from, from + CHUNK));
  return JSON.parse(json);
}
