// viem against a network: deploys, calls, subscribes, reads logs and fee history.
// Usage: node viem.mjs '{"rpc", "ws", "chainId", "key", "abi", "bytecode"}'; prints what it saw.
import { createPublicClient, createWalletClient, defineChain, http, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const given = JSON.parse(process.argv[2]);
const chain = defineChain({
  id: given.chainId,
  name: "private",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [given.rpc], webSocket: [given.ws] } },
});
const account = privateKeyToAccount(given.key);
const reader = createPublicClient({ chain, transport: http(given.rpc, { batch: true }) });
const live = createPublicClient({ chain, transport: webSocket(given.ws) });
const wallet = createWalletClient({ account, chain, transport: http(given.rpc) });

const deployed = await reader.waitForTransactionReceipt({
  hash: await wallet.deployContract({ abi: given.abi, bytecode: given.bytecode }),
});
const contract = { address: deployed.contractAddress, abi: given.abi };

const heads = [];
const events = [];
const stops = [];
const seen = new Promise((resolve, reject) => {
  const done = () => heads.length >= 3 && events.length >= 1 && resolve();
  stops.push(
    live.watchBlocks({ onBlock: (block) => { heads.push(Number(block.number)); done(); }, onError: reject }),
    live.watchContractEvent({
      ...contract, eventName: "Stored",
      onLogs: (logs) => { events.push(...logs.map((log) => Number(log.args.value))); done(); },
      onError: reject,
    }),
  );
});
await new Promise((resolve) => setTimeout(resolve, 500)); // until both subscriptions stand

const { request } = await reader.simulateContract({ ...contract, functionName: "store", args: [42n], account });
const hash = await wallet.writeContract(request);
const nonceAfterSending = await reader.getTransactionCount({ address: account.address, blockTag: "pending" });
const receipt = await reader.waitForTransactionReceipt({ hash });
await seen;
stops.forEach((stop) => stop());

const value = await reader.readContract({ ...contract, functionName: "value" });
const logs = await reader.getContractEvents({ ...contract, eventName: "Stored", fromBlock: 0n });
const history = await reader.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 90] });
let refused = "";
try {
  await reader.call({ to: contract.address, data: "0x00000000" });
} catch (error) {
  refused = error.shortMessage ?? String(error);
}
console.log(JSON.stringify({
  chainId: await reader.getChainId(),
  status: receipt.status,
  nonceAfterSending,
  value: Number(value),
  logs: logs.map((log) => Number(log.args.value)),
  events,
  heads,
  baseFees: history.baseFeePerGas.length,
  rewards: history.reward.length,
  refused,
}));
process.exit(0);
