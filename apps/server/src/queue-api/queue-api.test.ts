/** The HTTP queue on one machine: in memory and in a file, called by the stock client. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryBackend } from '@lovage/store-memory'
import { sqliteBackend } from '@lovage/store-sqlite'
import { afterEach, describe } from 'vitest'
import { contractCases, pairCases } from './fixtures/contract-cases.ts'
import { type Hall, hall } from './fixtures/hall.ts'

const halls: Hall[] = []
const directories: string[] = []
afterEach(async () => {
  await Promise.all(halls.splice(0).map((each) => each.close()))
  await Promise.all(directories.splice(0).map((directory) => rm(directory, { recursive: true })))
})

describe('in memory', () => {
  contractCases(async (options) => {
    const opened = await hall(memoryBackend(), options)
    halls.push(opened)
    return opened
  })
})

describe('in a file', () => {
  contractCases(async (options) => {
    const directory = await mkdtemp(join(tmpdir(), 'lovage-queue-api-'))
    directories.push(directory)
    const opened = await hall(await sqliteBackend(join(directory, 'lovage.db')), options)
    halls.push(opened)
    return opened
  })
})

describe('two servers on one file', () => {
  pairCases(async (options) => {
    const directory = await mkdtemp(join(tmpdir(), 'lovage-queue-api-'))
    directories.push(directory)
    const one = await hall(await sqliteBackend(join(directory, 'lovage.db')), options)
    const other = await hall(await sqliteBackend(join(directory, 'lovage.db')), options)
    halls.push(one, other)
    return [one, other]
  })
})
