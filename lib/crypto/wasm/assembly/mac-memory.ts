// Where everything lies in the one page of memory of the MAC. ../mac.ts knows these places too.
//
//   256         512     544     576   592        848                       up to 72 bytes
//   +-----------+-------+-------+-----+----------+-------------------------+----------+
//   | constants | state | outer | tag | schedule | message                 | padding  |
//   +-----------+-------+-------+-----+----------+-------------------------+----------+
//
// Behind the constants everything is zero between two calls: who calls wipes, and counts on it.

export const state: usize = 512;
export const outer: usize = 544;
export const tag: usize = 576;
export const schedule: usize = 592;
export const data: usize = 848;
