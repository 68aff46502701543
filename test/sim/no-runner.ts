/** A simulator that cannot even be loaded. For the tests of the command. */

throw new Error("this does not load");
