/** The HTTP queue on PostgreSQL, called by the stock client. */
import { startPostgres } from '@lovage/services'
import { postgresBackend } from '@lovage/store-postgres'
import { afterAll, afterEach, describe } from 'vitest'
import { contractCases, pairCases } from './fixtures/contract-cases.ts'
import { type Hall, hall } from './fixtures/hall.ts'

const server = await startPostgres()
afterAll(() => server.stop())
const url = await server.database()
const halls: Hall[] = []
afterEach(() => Promise.all(halls.splice(0).map((each) => each.close())))
let schemas = 0

describe('on PostgreSQL', () => {
  contractCases(async (options) => {
    const opened = await hall(await postgresBackend(url, { schema: `hall_${++schemas}` }), options)
    halls.push(opened)
    return opened
  })
})

describe('two servers on one database', () => {
  pairCases(async (options) => {
    const schema = `hall_${++schemas}`
    const one = await hall(await postgresBackend(url, { schema }), options)
    const other = await hall(await postgresBackend(url, { schema }), options)
    halls.push(one, other)
    return [one, other]
  })
})
