/** The commands for the tokens of workers. */
import { duration, nameList, text } from '../option-values.ts'
import { type CommandSpec, example } from './command-spec.ts'

const tokenId = {
  name: '<id>',
  meaning: 'the id of the token: `lovage token list`, or the letters between the dashes of the token itself',
}

export const token: CommandSpec = {
  name: 'token',
  summary: 'Make, list and revoke the tokens of workers that connect to a server.',
  notes:
    'They are kept in the store, as hashes, and hold at every server on it. Who may call over HTTP is another matter: see --token-file of `lovage server`.',
  examples: [
    example("lovage token create --id 'img-*' -Q images --expires '90 days'", 'for workers img-1, img-2, ... of one queue'),
    example('lovage token list', 'which there are, and until when'),
    example('lovage token revoke k3xw7abc', 'its workers are sent away'),
  ],
  commands: [
    {
      name: 'create',
      summary: 'Make a token and print it; it is shown this once.',
      options: [
        {
          flags: '--id <a,b>',
          meaning: 'ids that its workers may have; a * at the end stands for any end; may be repeated (default: any)',
          read: nameList('--id'),
        },
        {
          flags: '-Q, --queues <a,b>',
          meaning: 'queues that they may serve, likewise (default: those of --id, as the queue of a worker has its id; else any)',
          read: nameList('--queues'),
        },
        {
          flags: '--expires <duration>',
          meaning: 'how long it is good for (default: until it is revoked)',
          read: duration('--expires'),
        },
        { flags: '--name <text>', meaning: 'who has it, or what for', read: text('--name') },
      ],
      examples: [
        example("lovage token create --id questioner --name 'the kiosk'", 'for one worker and the queue of its name'),
        example("lovage token create --id 'img-*' -Q images,thumbs --expires '90 days'", ''),
        example('lovage token create -Q images | tee worker.token', 'the token alone goes to stdout'),
      ],
      load: async () => (await import('../commands/token.ts')).tokenCreate,
    },
    {
      name: 'list',
      summary: 'List tokens: for which ids and queues, and until when.',
      examples: [
        example('lovage token list', ''),
        example("lovage token list --json | jq -r '.tokens[] | select(.expired).id'", 'those that are over'),
      ],
      load: async () => (await import('../commands/token.ts')).tokenList,
    },
    {
      name: 'revoke',
      summary: 'Revoke a token: nobody comes in with it, and workers that are in are sent away.',
      args: [tokenId],
      examples: [example('lovage token revoke k3xw7abc', ''), example('lovage token list', 'shows those that are left')],
      load: async () => (await import('../commands/token.ts')).tokenRevoke,
    },
  ],
}
