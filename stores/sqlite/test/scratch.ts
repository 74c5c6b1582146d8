/** A folder of its own for each test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Makes a folder that goes with the test; answers the path of a database file in it. */
export async function scratchFile(name = 'lovage.db'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-sqlite-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, name)
}
