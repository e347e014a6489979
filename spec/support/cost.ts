// What something costs, for specs that say how much it may: processor time and not the clock's, least of some attempts, since
// the machine may be busy. How fast the machine is nobody knows, so what is compared is two costs and no number of milliseconds.

export function costMs(action: () => void, attempts: number): number {
  let least = Infinity;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/**
 * How many times as much as `yardstick` something costs. The two take turns: what slows the machine down for a while slows down
 * both. Measured until it is less than `most`, five times at most.
 */
export function timesAsCostly(action: () => void, yardstick: () => void, most: number): number {
  let [cost, yardstickCost] = [Infinity, Infinity];
  for (let turn = 0; turn < 5 && !(cost / yardstickCost < most); turn++) {
    yardstickCost = Math.min(yardstickCost, costMs(yardstick, 3));
    cost = Math.min(cost, costMs(action, 1));
  }
  return cost / yardstickCost;
}
