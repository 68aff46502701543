/**
 * Commands and answers as bytes. Puts and deletes, which are most of what there is, are rows: every server encodes and
 * decodes each of them, and names of fields would be a third of that. Whatever else there is stands in a row of its own
 * as the plain object that it is, and a row of another kind is handed on to be refused (PITFALLS C11).
 */

import { type CommandCodec, msgpackrCodec } from "quorate";
import type { Comparison, DeleteResult, KvCommand, KvResult, PutResult } from "./commands.js";

const OTHER = 0;
const PUT = 1;
const DELETE = 2;

type CommandRow =
  | readonly [typeof PUT, key: string, value: Uint8Array, ttlMs: number | null, condition: Comparison | null]
  | readonly [typeof DELETE, key: string, condition: Comparison | null]
  | readonly [typeof OTHER, KvCommand];

type ResultRow =
  | readonly [typeof PUT, revision: number, createRevision: number, version: number]
  | readonly [typeof DELETE, deleted: boolean, revision: number]
  | readonly [typeof OTHER, KvResult];

const { encodeCommand, decodeCommand, encodeResult, decodeResult } = msgpackrCodec<CommandRow, ResultRow>();

export const commandCodec: CommandCodec<KvCommand, KvResult> = {
  encodeCommand: (command) => encodeCommand(rowOfCommand(command)),
  decodeCommand: (data) => commandOfRow(decodeCommand(data)),
  encodeResult: (result) => encodeResult(rowOfResult(result)),
  decodeResult: (data) => resultOfRow(decodeResult(data)),
};

function rowOfCommand(command: KvCommand): CommandRow {
  switch (command.type) {
    case "put": {
      const { key, value, ttlMs = null, condition = null } = command;
      return [PUT, key, value, ttlMs, condition];
    }
    case "delete":
      return [DELETE, command.key, command.condition ?? null];
    default:
      return [OTHER, command];
  }
}

function commandOfRow(row: CommandRow): KvCommand {
  switch (row[0]) {
    case PUT: {
      const [, key, value, ttlMs, condition] = row;
      if (ttlMs === null && condition === null) return { type: "put", key, value };
      return {
        type: "put",
        key,
        value,
        ...(ttlMs === null ? {} : { ttlMs }),
        ...(condition === null ? {} : { condition }),
      };
    }
    case DELETE: {
      const [, key, condition] = row;
      return condition === null ? { type: "delete", key } : { type: "delete", key, condition };
    }
    case OTHER:
      return row[1];
    default:
      return row satisfies never;
  }
}

function rowOfResult(result: KvResult): ResultRow {
  switch (result.type) {
    case "put":
      return [PUT, result.revision, result.createRevision, result.version];
    case "delete":
      return [DELETE, result.deleted, result.revision];
    default:
      return [OTHER, result];
  }
}

function resultOfRow(row: ResultRow): KvResult {
  switch (row[0]) {
    case PUT: {
      const [, revision, createRevision, version] = row;
      return { type: "put", revision, createRevision, version } satisfies PutResult;
    }
    case DELETE: {
      const [, deleted, revision] = row;
      return { type: "delete", deleted, revision } satisfies DeleteResult;
    }
    default:
      return row[1];
  }
}
