import { type PackagedImage, packagedImageIn } from './image.ts';

const JUPYTER: PackagedImage = {
  reference: 'orrery-test-jupyter:1',
  packages: ['jupyter-notebook', 'python3-ipykernel', 'python3-matplotlib'],
  // Compilers, debuggers and mathematics that no notebook of the tests asks for: four fifths of it all.
  without:
    /-dev$|^(gcc|g\+\+|cpp|binutils|gdb|perl|libperl|libopenblas|lib[atlu]san|libubsan|unicode-data|python3-(scipy|sympy|pythran|setuptools|pip))|-binutils|-source$/,
  labels: {
    'ai.backend.service-ports': 'jupyter:http:8080,greeter:http:8123,raw:tcp:[8124,8125]',
  },
};

/** Reference of an image with Jupyter Notebook, a Python kernel and matplotlib in the engine. */
export function jupyterImageIn(socketPath: string): Promise<string> {
  return packagedImageIn(socketPath, JUPYTER);
}
