/** A folder in place of a mail service: one file for each mail. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Deliver } from './mails.ts'

/** Delivers into a folder. The file is named after the mail's id, so the same mail twice is one file. */
export async function openOutbox(folder: string): Promise<Deliver> {
  await mkdir(folder, { recursive: true })
  return async ({ id, to, subject }) => {
    const file = join(folder, `${encodeURIComponent(id)}.eml`)
    await writeFile(`${file}.part`, `To: ${to}\r\nSubject: ${subject}\r\n\r\n`)
    await rename(`${file}.part`, file)
    console.log(`${subject} -> ${to}`)
  }
}
