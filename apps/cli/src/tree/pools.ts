/** The commands for worker pools. */
import { type CommandSpec, example } from './command-spec.ts'

const poolName = { name: '<pool>', meaning: "the pool's name" } as const

export const pool: CommandSpec = {
  name: 'pool',
  summary: 'See, scale, pause and resume worker pools.',
  notes: 'Pools begin with `lovage server --pool FILE` or `lovage up FILE --workers MIN..MAX`.',
  examples: [
    example('lovage pool list', 'all pools, their workers, and which of them fail'),
    example('lovage pool resume images', 'ends a pause or a quarantine'),
  ],
  commands: [
    {
      name: 'list',
      summary: 'List pools: how many workers they may have and have, and what keeps them from launching.',
      examples: [
        example('lovage pool list', ''),
        example("lovage pool list --json | jq '.pools[] | select(.quarantined)'", 'those that fail'),
      ],
      load: async () => (await import('../commands/pool.ts')).poolList,
    },
    {
      name: 'show',
      summary: 'Show everything about a pool: bounds, workers, and what its launches failed of.',
      args: [poolName],
      examples: [example('lovage pool show images', ''), example('lovage pool show images --json', 'for a program')],
      load: async () => (await import('../commands/pool.ts')).poolShow,
    },
    {
      name: 'scale',
      summary: 'Change how many workers a pool may have, until it is started anew.',
      args: [
        poolName,
        { name: '<min..max>', meaning: 'the least and the most workers, as in 0..4; one number for exactly so many' },
      ],
      examples: [example('lovage pool scale images 2..8', ''), example('lovage pool scale images 1', 'exactly one')],
      load: async () => (await import('../commands/pool.ts')).poolScale,
    },
    {
      name: 'pause',
      summary: 'Launch no more workers for a pool; those that run go on.',
      args: [poolName],
      examples: [example('lovage pool pause images', ''), example('lovage pool resume images', 'ends the pause')],
      load: async () => (await import('../commands/pool.ts')).poolPause,
    },
    {
      name: 'resume',
      summary: 'Launch workers again: ends a pause, and a quarantine at once.',
      args: [poolName],
      examples: [example('lovage pool resume images', ''), example('lovage pool show images', 'shows how it goes')],
      load: async () => (await import('../commands/pool.ts')).poolResume,
    },
    {
      name: 'remove',
      summary: 'Forget a pool; its workers finish what they run and end.',
      args: [poolName],
      examples: [example('lovage pool remove images', ''), example('lovage pool list', 'shows those that are left')],
      load: async () => (await import('../commands/pool.ts')).poolRemove,
    },
  ],
}
