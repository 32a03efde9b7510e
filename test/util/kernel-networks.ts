// Networks of random shapes, one kernel each: what C on this machine is tried on.
import * as networks from '../../samples/networks.js';
import type { Random } from '../../host/math/random.js';
import type { CirculantMethod, QuantizedNetwork } from '../../host/model/quantized-network.js';

function circulant(
  method: CirculantMethod,
  spectra?: 'computed',
  apart?: true,
): (random: Random) => QuantizedNetwork {
  return (random) => {
    const blockSize = 2 ** networks.between(random, method === 'direct' ? 1 : 2, 6);
    const size = (): number => networks.between(random, 1, 3 * blockSize);
    const shape = { blockSize, inputs: size(), outputs: size(), method, spectra, apart };
    return networks.circulantNetwork(random, shape);
  };
}

/** Networks of one op each, by kernel; one draw gives one shape. */
export const kernelNetworks: Record<string, (random: Random) => QuantizedNetwork> = {
  conv2d: networks.convNetwork,
  'conv2d, int4': (random) => networks.withInt4(random, networks.convNetwork(random)),
  'conv2d, blocks': networks.circulantConvNetwork,
  'conv2d, winograd': (random) => networks.winogradNetwork(random, 'stored'),
  'conv2d, winograd, weights computed': (random) => networks.winogradNetwork(random, 'computed'),
  'conv2d, sparse': (random) => networks.sparseNetwork(random),
  'conv2d, ntt': networks.convNttNetwork,
  'conv2d, levels': (random) => networks.levelsNetwork(random),
  'dense, levels': (random) => networks.denseLevelsNetwork(random),
  depthwise: networks.depthwiseNetwork,
  'depthwise, int4': (random) => networks.withInt4(random, networks.depthwiseNetwork(random)),
  separable: networks.separableNetwork,
  matmul: networks.matmulNetwork,
  dense: (random) => networks.denseNetwork(random, random.integer(4) ? 80 : 3000),
  'dense, int4': (random) => networks.withInt4(random, networks.denseNetwork(random, 80)),
  'circulant, direct': circulant('direct'),
  'circulant, ntt': circulant('ntt'),
  'circulant, spectra computed': circulant('ntt', 'computed'),
  'circulant, spectra apart': circulant('ntt', undefined, true),
  'circulant, karatsuba': circulant('karatsuba'),
  'max pool': networks.maxPoolNetwork,
  'average pool': networks.averagePoolNetwork,
  add: (random) => networks.elementwiseNetwork(random, 'add'),
  mul: (random) => networks.elementwiseNetwork(random, 'mul'),
  softmax: networks.softmaxNetwork,
  logistic: networks.logisticNetwork,
  mean: networks.meanNetwork,
  pad: networks.padNetwork,
  concat: networks.concatNetwork,
  slice: networks.sliceNetwork,
  lookup: networks.lookupNetwork,
};
