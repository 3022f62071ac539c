from collections import Counter
from faults.test_kill_rights import *
import time,os
def test_x(rights):
    L=rights.labels
    Path('/tmp/rt/labels').write_text('\n'.join(f'{n} {l}' for n,l in enumerate(L,1)))
    print(len(L), Counter(l.split(':')[0] for l in L))
    t=time.time(); bad=0; n=0
    mod=int(os.environ.get('MOD','1')); rest=int(os.environ.get('REST','0'))
    for at in range(1,len(L)+1):
        if at%mod!=rest: continue
        with rights.trial() as trial:
            o=trial.run(at); n+=1
            ps=list(trial.problems(elsewhere=(at//mod)%2==0))
            if ps or o['ended']!=-9:
                bad+=1; print('AT',at,o.get('at'),o['ended'],ps,flush=True)
    print(n,bad,time.time()-t)
