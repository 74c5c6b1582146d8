/** What is too slow for a request: counting the words of a text. */
import { setTimeout } from 'node:timers/promises'
import { defineTask } from 'lovage'
import * as z from 'zod'

export const summarize = defineTask({
  name: 'texts.summarize',
  input: z.object({
    text: z.string().min(1).max(100_000),
    /** Stands for the slowness of real work, in milliseconds. */
    takes: z.number().int().min(0).max(60_000).default(0),
  }),
  timeout: '2m',
  async run({ text, takes }, context) {
    await setTimeout(takes, undefined, { signal: context.signal })
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? []
    if (words.length === 0) context.cancel('there are no words in it')
    const counts = [...Map.groupBy(words, (word) => word)].map(([word, all]) => ({ word, times: all.length }))
    return { words: words.length, most: counts.sort((a, b) => b.times - a.times || (a.word < b.word ? -1 : 1)).slice(0, 3) }
  },
})
