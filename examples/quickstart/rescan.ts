/** The task of the schedule: looks at the folder again and sends what is new. */
import { type Client, defineTask } from 'lovage'
import * as z from 'zod'
import { type Folder, sendScan } from './scan.ts'

const folderInput: z.ZodType<Folder> = z.object({
  folder: z.string(),
  out: z.string(),
  generation: z.string(),
  database: z.string(),
  limit: z.number(),
})

/** Makes the definition. It sends through the client, as the start of the quickstart does, so that both send the same tasks. */
export function defineRescan(client: Client) {
  return defineTask({
    name: 'quickstart.rescan',
    input: folderInput,
    async run(folder) {
      const { files, report } = await sendScan(client, folder)
      return { files: files.length, report: report.id, changed: report.status === 'sent' }
    },
  })
}
