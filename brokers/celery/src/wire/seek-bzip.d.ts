/** The part of seek-bzip that is used here; the package brings no types. */
declare module 'seek-bzip' {
  interface Source {
    readByte(): number
    /** Answers how many bytes there were. */
    read(into: Uint8Array, at: number, length: number): number
    eof(): boolean
  }
  interface Sink {
    writeByte(byte: number): void
  }
  const bunzip: {
    /** @param multistream reads all streams that follow each other, not the first alone */
    decode(source: Source, sink: Sink, multistream: boolean): void
  }
  export = bunzip
}
