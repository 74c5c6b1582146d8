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
    readonly hash?: string | undefined
    readonly ext?: string | undefined
    readonly app?: string | undefined
    readonly dlg?: string | undefined
  }
  interface HeaderOptions {
    readonly credentials: { readonly id: string; readonly key: string; readonly algorithm: string }
    readonly ext?: string
    readonly payload?: string
    readonly contentType?: string
    /** Seconds. */
    readonly timestamp?: number
    readonly nonce?: string
  }
  /** What callers sign with. */
  export const client: {
    getBewit(url: string, options: HeaderOptions & { readonly ttlSec: number }): string
    header(url: string, method: string, options: HeaderOptions): { readonly header: string }
  }
  export const crypto: {
    calculateMac(type: 'header' | 'bewit', key: Key, signed: Signed): string
    calculatePayloadHash(payload: string | Uint8Array, algorithm: 'sha256', contentType: string): string
    calculateTsMac(ts: number, key: Key): string
  }
}
