/** The JSON of answers, for tests that look at single fields of it. */

export interface Json {
  readonly code?: string;
  readonly id?: number;
  readonly outcome?: string;
  readonly revision?: number;
  readonly entries?: readonly { readonly key: string }[];
  readonly nextCursor?: string;
  readonly server?: { readonly watches: number };
}

export async function readJson(response: Response): Promise<Json> {
  return (await response.json()) as Json;
}
