import './process.ts';
