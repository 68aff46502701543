/** What a process of the {@link Farm} runs. */

import { serve, simulator } from "./runner.js";

serve(simulator);
