/**
 * Digest: 64 bits over everything that happened in a run, the same on every machine. Two lanes of 32 bits, for that is
 * what JavaScript multiplies exactly.
 */
export class Digest {
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;

  /** Takes in a number: a safe integer, or a time with fractions. */
  add(value: number): void {
    const whole = Math.floor(value);
    this.#mix(whole | 0);
    this.#mix((whole / 0x1_0000_0000) | 0);
    if (whole !== value) this.#mix(((value - whole) * 0x1_0000_0000) | 0);
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ (word >>> 15) ^ word, 0x85ebca6b);
    this.#high = (this.#high << 13) | (this.#high >>> 19);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
