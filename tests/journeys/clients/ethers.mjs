// ethers against a network: deploys, calls, subscribes, reads logs and fee history.
// Usage: node ethers.mjs '{"rpc", "ws", "chainId", "key", "abi", "bytecode"}'; prints what it saw.
import { Contract, ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider } from "ethers";

const given = JSON.parse(process.argv[2]);
const reader = new JsonRpcProvider(given.rpc, undefined, { cacheTimeout: -1 });
const live = new WebSocketProvider(given.ws);
const wallet = new Wallet(given.key, reader);

const deployed = await new ContractFactory(given.abi, given.bytecode, wallet).deploy();
await deployed.waitForDeployment();
const address = await deployed.getAddress();

const heads = [];
const events = [];
const seen = new Promise((resolve) => {
  const done = () => heads.length >= 3 && events.length >= 1 && resolve();
  live.on("block", (number) => { heads.push(number); done(); });
  new Contract(address, given.abi, live).on("Stored", (by, value) => { events.push(Number(value)); done(); });
});
await new Promise((resolve) => setTimeout(resolve, 500)); // until both subscriptions stand

const sent = await deployed.store(42);
const nonceAfterSending = await reader.getTransactionCount(wallet.address, "pending");
const receipt = await sent.wait();
await seen;

const logs = await deployed.queryFilter("Stored", 0, "latest");
const history = await reader.send("eth_feeHistory", ["0x3", "latest", [10, 90]]);
let refused = "";
try {
  await reader.call({ to: address, data: "0x00000000" });
} catch (error) {
  refused = error.shortMessage ?? String(error);
}
console.log(JSON.stringify({
  chainId: Number((await reader.getNetwork()).chainId),
  status: receipt.status === 1 ? "success" : "reverted",
  nonceAfterSending,
  value: Number(await deployed.value()),
  logs: logs.map((log) => Number(log.args[1])),
  events,
  heads,
  baseFees: history.baseFeePerGas.length,
  rewards: history.reward.length,
  refused,
}));
process.exit(0);
