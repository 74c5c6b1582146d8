/** How TLS is said, and what is refused in words. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type TlsFiles, tlsOptions } from './tls-options.ts'

test('files are read, by both spellings, and a server must be vouched for unless it is said otherwise', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, 'text')
  expect(tlsOptions({})).toEqual({ rejectUnauthorized: true })
  expect(tlsOptions({ ca_certs: file, server_hostname: 'mq' })).toMatchObject({ ca: Buffer.from('text'), servername: 'mq' })
  expect(tlsOptions({ ssl_keyfile: file, ssl_certfile: file })).toMatchObject({
    key: Buffer.from('text'),
    cert: Buffer.from('text'),
  })
  for (const cert_reqs of [0, 'none', 'CERT_NONE']) expect(tlsOptions({ cert_reqs })).toEqual({ rejectUnauthorized: false })
  for (const cert_reqs of [2, 'required', 'CERT_OPTIONAL'])
    expect(tlsOptions({ cert_reqs })).toEqual({ rejectUnauthorized: true })
  for (const said of [{ check_hostname: false }, { check_hostname: 'False' }, { ssl_check_hostname: '0' }]) {
    expect(tlsOptions(said).checkServerIdentity).toBeTypeOf('function')
    expect(tlsOptions(said).checkServerIdentity?.('a', {} as never)).toBeUndefined()
  }
  expect(tlsOptions({ ssl_server_hostname: 'mq' })).toMatchObject({ servername: 'mq' })
  expect(tlsOptions({ check_hostname: 'true' })).toEqual({ rejectUnauthorized: true })
})

test('what is said stands above what was said before, and nothing else of it goes', () => {
  const lax = tlsOptions({ cert_reqs: 'none', check_hostname: false, server_hostname: 'mq' })
  expect(tlsOptions({ ssl_server_hostname: 'other' }, lax)).toEqual({ ...lax, servername: 'other' })
  expect(tlsOptions({ ssl_cert_reqs: 'required', ssl_check_hostname: true }, lax)).toEqual({
    rejectUnauthorized: true,
    servername: 'mq',
  })
})

test.each([
  [{ cert_reqs: 'maybe' }, /expected `cert_reqs` to be one of required, CERT_REQUIRED, 2, .*got: "maybe"/],
  [{ ssl_cert_reqs: 'maybe' }, /expected `ssl_cert_reqs` to be one of/],
  [{ ssl_keyfile: '/no/such/file' }, /expected `ssl_keyfile` to be a file/],
  [{ check_hostname: 'maybe' }, /expected `check_hostname` to be one of true, yes, 1, false, no, 0, got: "maybe"/],
  [{ ca_certs: '/no/such/file' }, /expected `ca_certs` to be a file that can be read, got: "\/no\/such\/file" \(ENOENT/],
  [{ cafile: 'x' }, /cafile/],
])('%j is refused', (given, message) => {
  expect(() => tlsOptions(given as TlsFiles)).toThrow(message)
})
