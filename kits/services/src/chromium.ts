/** A browser to run pages in: Chromium, or Chrome. */
import { join } from 'node:path'
import { folderOf, search } from './installed.ts'
import { unavailable } from './unavailable.ts'

const chrome = { program: 'google-chrome' }
const chromium = { program: 'chromium', debianPackage: 'chromium' }

/** Whether this machine has a browser; on Debian as root Chromium is installed when missing, which takes a minute. */
export function hasChromium(): boolean {
  return program() !== undefined
}

/**
 * Says what `chromium.launch` of playwright-core needs for it.
 * @throws {ConfigError} UNSUPPORTED where there is none
 */
export function chromiumLaunch(): { readonly executablePath: string; readonly args: string[] } {
  const executablePath = program()
  if (executablePath === undefined) throw unavailable('Chromium', chromium.debianPackage)
  // Its sandbox refuses root; the pages of tests are our own.
  return { executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] }
}

function program(): string | undefined {
  const folder = search(chrome)
  if (folder !== undefined) return join(folder, chrome.program)
  const installed = folderOf(chromium)
  return installed === undefined ? undefined : join(installed, chromium.program)
}
