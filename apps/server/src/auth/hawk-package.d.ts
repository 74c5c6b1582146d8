/** The parts of hawk that are used here; the package brings no types. */
declare module 'hawk' {
  interface Key {
    readonly key: string
    readonly algorithm: 'sha256'
  }
  interface Signed {
    readonly method: string
    readonly resource: string
    readonly host: string
    readonly port: string
    readonly ts: string
    readonly nonce: string
    readonly hash: string | undefined
    readonly ext: string | undefined
    readonly app: string | undefined
    readonly dlg: string | undefined
  }
  export const crypto: {
    calculateMac(type: 'header', key: Key, signed: Signed): string
    calculatePayloadHash(payload: string | Uint8Array, algorithm: 'sha256', contentType: string): string
    calculateTsMac(ts: number, key: Key): string
  }
}
