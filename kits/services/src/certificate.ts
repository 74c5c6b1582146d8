/** A certificate for a private server on this machine, from an authority that nobody else has heard of. */
import { execFileSync } from 'node:child_process'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from './guarded-server.ts'
import { folderOf } from './installed.ts'
import { unavailable } from './unavailable.ts'

/** Of the authority: who trusts it trusts the certificate. */
export const authorityFile = 'authority.pem'
/** Good for a server as for its clients. */
export const certificateFile = 'certificate.pem'
export const keyFile = 'key.pem'

const authorityKeyFile = 'authority-key.pem'
const requestFile = 'request.pem'
const extensionFile = 'extensions.cnf'
const certifier = { program: 'openssl', debianPackage: 'openssl' }

/**
 * Makes the files in a folder, for 127.0.0.1 and localhost; the account gets what a server needs.
 * @throws {ConfigError} UNSUPPORTED where there is no OpenSSL
 */
export function certify(folder: string, account: Account | undefined): void {
  const programs = folderOf(certifier)
  if (programs === undefined) throw unavailable('OpenSSL', certifier.debianPackage)
  const openssl = (...words: readonly string[]): void =>
    void execFileSync(join(programs, certifier.program), words, { cwd: folder, stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout']
  const signer = ['-CA', authorityFile, '-CAkey', authorityKeyFile, '-CAcreateserial']
  writeFileSync(join(folder, extensionFile), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  openssl('req', '-x509', ...newKey, authorityKeyFile, '-out', authorityFile, '-days', '2', '-subj', '/CN=authority')
  openssl('req', ...newKey, keyFile, '-out', requestFile, '-subj', '/CN=localhost')
  openssl('x509', '-req', '-in', requestFile, ...signer, '-days', '2', '-extfile', extensionFile, '-out', certificateFile)
  if (account === undefined) return
  for (const name of [authorityFile, certificateFile, keyFile]) chownSync(join(folder, name), account.uid, account.gid)
}
