/** Runs one variant once, in this process alone, and prints its figures: `node bench/child.ts FILE JOB-JSON`. */
import { resourceUsage } from 'node:process'
import { pathToFileURL } from 'node:url'
import type { Job, Variant } from './variant.ts'

const [file = '', job = '{}'] = process.argv.slice(2)
const { run } = (await import(pathToFileURL(file).href)) as { run: Variant }
const figures = await run(JSON.parse(job) as Job)
const memory = Math.round(resourceUsage().maxRSS / 1024)
process.stdout.write(`${JSON.stringify({ ...figures, 'peak MB': memory })}\n`, () => process.exit(0))
