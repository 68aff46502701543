/** Gives a browser the `Buffer` that Node has. To be imported before whatever needs it. */

import { Buffer } from "buffer/index.js";

Object.assign(globalThis, { Buffer });
