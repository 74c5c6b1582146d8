/** Which part of a path is the pool, whichever way its slash came. */
import { expect, test } from 'vitest'
import { withPoolAsOnePart } from './pool-path.ts'

const base = '/api/worker-manager/v1/'

test.for([
  ['worker-pool/a/b', 'worker-pool/a%2Fb'],
  ['worker-pool/a/b/stats', 'worker-pool/a%2Fb/stats'],
  ['worker-pool/a/b/launch-configs', 'worker-pool/a%2Fb/launch-configs'],
  ['worker-pool-errors/a/b', 'worker-pool-errors/a%2Fb'],
  ['workers/a/b/group/id', 'workers/a%2Fb/group/id'],
  ['workers/a/b/group/id/should-terminate', 'workers/a%2Fb/group/id/should-terminate'],
])('%s is routed as %s', ([path, routed]) => {
  expect(withPoolAsOnePart(`${base}${path}`)).toBe(`${base}${routed}`)
})

test.for([
  'worker-pool/a%2Fb',
  'worker-pool/a%2fb/stats',
  'worker-pool/a',
  'worker-pool/a/stats',
  'worker-pool-errors/stats',
  'worker-pools/stats',
  'workers/a%2Fb/group',
  'workers/a%2Fb/group/id/should-terminate',
  'workers/a/group/id',
  'workers/a/group/id/should-terminate',
  'workers/a/group',
  'worker/register',
  'ping',
  '',
])('%s is routed as it is', (path) => {
  expect(withPoolAsOnePart(`${base}${path}`)).toBe(`${base}${path}`)
})

test('other addresses are none of this', () => {
  expect(withPoolAsOnePart('/api/tasks/worker-pool/a/b')).toBe('/api/tasks/worker-pool/a/b')
})
