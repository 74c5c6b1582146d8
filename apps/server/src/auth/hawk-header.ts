/** The header of Hawk: `authorization: Hawk id="...", ts="...", nonce="...", mac="..."`, read strictly. */
import { LovageError } from '@lovage/core'

/** @see https://github.com/mozilla/hawk/blob/main/API.md#protocol */
export interface HawkHeader {
  readonly id: string
  /** Seconds since the epoch, as they were signed. */
  readonly ts: string
  readonly nonce: string
  readonly mac: string
  readonly hash: string | undefined
  readonly ext: string | undefined
  readonly app: string | undefined
  readonly dlg: string | undefined
}

const names = ['id', 'ts', 'nonce', 'mac', 'hash', 'ext', 'app', 'dlg'] as const
/** Certificates with many scopes are long; Node itself takes no more than 16 KiB of headers. */
const longest = 16_384
/** Both are remembered for as long as clocks may differ, for every request. */
const longestId = 1000
const longestNonce = 200
const attribute = /\s*(\w+)="([\w !#$%&'()*+,\-./:;<=>?@[\]^`{|}~]*)"\s*(?:,|$)/y

/** @param text what follows the word Hawk. @throws {LovageError} AUTHENTICATION_FAILED */
export function parseHawkHeader(text: string): HawkHeader {
  if (text.length > longest) throw failed(`at most ${longest} characters, got ${text.length}`)
  const found = new Map<string, string>()
  attribute.lastIndex = 0
  while (attribute.lastIndex < text.length) {
    const [, name = '', value = ''] = attribute.exec(text) ?? []
    if (!(names as readonly string[]).includes(name))
      throw failed('id, ts, nonce, mac and maybe hash, ext, app, dlg, each as name="value"')
    if (found.has(name)) throw failed(`${name} once, got it twice`)
    found.set(name, value)
  }
  const [id, ts, nonce, mac] = ['id', 'ts', 'nonce', 'mac'].map((name) => found.get(name) || undefined)
  if (id === undefined || ts === undefined || nonce === undefined || mac === undefined) throw failed('id, ts, nonce and mac')
  if (id.length > longestId || nonce.length > longestNonce)
    throw failed(`id and nonce of at most ${longestId} and ${longestNonce} characters, got ${id.length} and ${nonce.length}`)
  if (!/^\d{1,12}$/.test(ts)) throw failed(`ts as whole seconds, got: ${ts}`)
  return { id, ts, nonce, mac, hash: found.get('hash'), ext: found.get('ext'), app: found.get('app'), dlg: found.get('dlg') }
}

function failed(expected: string): LovageError {
  return new LovageError('AUTHENTICATION_FAILED', `expected the Hawk header to have ${expected}`)
}
